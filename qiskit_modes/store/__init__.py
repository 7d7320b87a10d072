"""Rows that outlive the process: jobs, what they were asked and came to, workloads, usage.

It knows tables and their words, and neither Qiskit nor the rules; what a row means the runtime says
(`qiskit_modes.runtime.keeping`). SQLite and PostgreSQL are spoken through SQLAlchemy Core, and
nothing of it is imported before a store is opened. Nothing is pickled: rows are columns and JSON,
and bodies are the service's own JSON as text.

=======================  =========================================================================
``rows``                 the rows, as plain dataclasses, and what they are looked for by
``locations``            what users write to say where a store is
``network_file_system``  recognises where SQLite must not be trusted
``schema``               the tables
``migrations/``          their history: a step for every release that changed them
``writing``              one transaction of changes
``database``             SQLite or PostgreSQL, opened, read and written, whatever is in it
``sql_store``            a store that is open, and what is asked of it
``job_queries``          statements about jobs, and the rows that they find
``workload_queries``     statements about workloads of all modes together
``heads``                the processes that use a store, and which of them live
``tokens``               who may use a server, as hashes of what clients send
``upkeep``               what `qiskit-modes store` does: summary, pruning, export, check
=======================  =========================================================================
"""
