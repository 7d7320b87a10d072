"""A program that has jobs done in processes of its own; run by `test_children`.

What the first argument names is one way in which libraries start processes that do their work.
"""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor

from qiskit import QuantumCircuit
from qiskit_aer import AerSimulator

from qiskit_modes import SamplerV2

NUMBERS = (10, 20)


def job(shots=10):
    """The counts of a job with so many shots."""
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.measure_all()
    return SamplerV2(AerSimulator()).run([circuit], shots=shots).result()[0].data.meas.get_counts()


def told(queue):
    queue.put(job())


def executor(method):
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        return list(pool.map(job, NUMBERS))


def process(method, daemon=""):
    """A daemonic one is what torch's loaders are, and the workers of dask."""
    context = multiprocessing.get_context(method)
    queue = context.SimpleQueue()
    child = context.Process(target=told, args=(queue,), daemon=bool(daemon))
    child.start()
    counts = queue.get()
    child.join()
    assert child.exitcode == 0, child.exitcode
    return [counts, {"1": 20}]


def pool(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(job, NUMBERS)


def joblib(backend):
    from joblib import Parallel, delayed

    return Parallel(2, backend=backend)(delayed(job)(number) for number in NUMBERS)


def billiard(*_):
    """What Celery's workers are."""
    import billiard

    pool = billiard.Pool(2)
    counts = pool.map(job, NUMBERS)
    pool.close()
    pool.join()
    return counts


def fork(ending):
    """What pytest-forked does, and servers that fork."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, repr(job()).encode())
        if ending == "_exit":
            os._exit(0)
        sys.exit(0)
    os.close(writer)
    counts = eval(os.read(reader, 100))
    assert os.waitpid(child, 0)[1] == 0
    return [counts, {"1": 20}]


if __name__ == "__main__":
    kind, *arguments = sys.argv[1].split("-")
    if sys.argv[2:]:
        job()
    assert globals()[kind](*arguments) == [{"1": 10}, {"1": 20}]
    print("done", flush=True)  # noqa: T201
