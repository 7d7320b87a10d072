"""The page at the server's address, for people: what runs, who waits for whom, what was used.

================  ================================================================================
``routes``        the addresses, and what may be done there
``rendering``     templates, the script and the style, and answers with them
``sign_in``       who may look: a cookie instead of the header that programs send
``live``          sends what has changed, by server-sent events
``table``         the table of workloads
``workloads``     a session or batch
``jobs``          a job
``qpus``          each QPU now: who has it, who waits, what ends when
``others``        instances and workers
``timeline``      the picture of what happened, as rows of bars
``words``         names and times as people read them
================  ================================================================================

Pages are made on the server and need nothing from anywhere else. Templates, style and
script have no framework.
"""
