"""A program that names its account in every way there is. Prints what it reached, as JSON.

python accounts.py FILE      FILE is where it finds a saved account
"""

import json
import sys
import warnings

from qiskit_ibm_runtime import QiskitRuntimeService

warnings.simplefilter("ignore")

CRN = "crn:v1:bluemix:public:quantum-computing:eu-de:a/1234:5678::"
WAYS = {
    "nothing": {},
    "token": {"token": "secret"},
    "token and instance": {"channel": "ibm_quantum_platform", "token": "secret", "instance": CRN},
    "token and name of an instance": {"token": "secret", "instance": "my-instance"},
    "address": {"token": "secret", "url": "https://cloud.ibm.com", "instance": CRN},
    "another address": {"token": "secret", "url": "https://example.org", "instance": CRN},
    "resolver": {
        "token": "secret",
        "instance": CRN,
        "url_resolver": lambda *_: "https://eu-de.quantum.cloud.ibm.com/api/v1",
    },
    "proxies": {"token": "secret", "proxies": {"urls": {"https": "http://192.0.2.1:3128"}}},
    "no verification": {"token": "secret", "verify": False},
    "private endpoint": {"token": "secret", "instance": CRN, "private_endpoint": True},
    "saved by name": {"name": "mine"},
    "saved by file": {"name": "theirs", "filename": sys.argv[1]},
}

if __name__ == "__main__":
    QiskitRuntimeService.save_account(token="secret", instance=CRN, name="mine", overwrite=True)
    QiskitRuntimeService.save_account(
        token="secret",
        instance=CRN,
        name="theirs",
        filename=sys.argv[1],
        proxies={"urls": {"http": "http://192.0.2.1:3128", "https": "http://192.0.2.1:3128"}},
        overwrite=True,
    )
    found = {}
    for way, arguments in WAYS.items():
        service = QiskitRuntimeService(**arguments)
        found[way] = [[backend.name for backend in service.backends()], service.active_instance()]
    stopped = []
    try:
        QiskitRuntimeService(
            token="secret", instance=CRN, url_resolver=lambda *_: "http://192.0.2.1/api"
        ).backend("ibm_manila")
    except Exception as error:
        stopped.append(f"{type(error).__name__}: {error}")
    print(json.dumps({"found": found, "stopped": stopped}))
