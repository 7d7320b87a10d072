"""Jobs, sessions and batches, found again: in memory, or in a store that outlives the process.

===================  =============================================================================
``job_table``        jobs by their ids: what is under way or held, and the latest others
``workload_table``   the same of sessions and batches
``archive``          the interface, and what is kept in memory: the default
``stored_archive``   the same with a store behind it
``opening``          which of the two it is
``listing``          what lists say of a job, as text
``writer``           the one thread that writes, many changes in one transaction
``row_writer``       what it writes of jobs and workloads, and how much is written already
``row_reader``       what it makes of rows: jobs and workloads, with instances and QPUs
``job_rows``         a job as a row, and back
``workload_rows``    the same of sessions, batches and instances
``recovery``         what becomes of what a dead process has left
===================  =============================================================================

An end of a job is told to nobody before it is in the store, and an id is given to nobody before the
job is. So whatever ends the process, nothing that anybody was told is lost. Nothing is written
while a mutex is held, nor on a lane that others wait for.
"""
