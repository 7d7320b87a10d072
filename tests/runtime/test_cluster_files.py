"""The files for Slurm and Kubernetes in the docs, as far as they can be run without either."""

import re
from importlib import resources, util
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "cluster.md").read_text("utf-8")


def block(begin):
    (found,) = re.findall(rf"```{re.escape(begin)}\n(.*?)```", PAGE, re.S)
    return found


def test_slurm_is_given_workers_of_one_thread_each():
    """`job_script` is what would be submitted; see the page for what was run besides."""
    pytest.importorskip("dask_jobqueue")
    names = {}
    exec(block("{code-block} python").partition("cluster.scale")[0], names)
    script = names["cluster"].job_script()
    names["cluster"].close()
    assert "#SBATCH -p regular\n" in script
    assert "#SBATCH -A my-account\n" in script
    assert "#SBATCH --cpus-per-task=16\n" in script
    assert "\nsource /shared/venv/bin/activate\n" in script
    assert re.search(r"dask_worker tcp://\S+ .*--nthreads 1 .*--nworkers 16 ", script)


def kubernetes_file():
    return pytest.importorskip("yaml").safe_load(block("yaml"))


def test_the_service_finds_the_scheduler_where_the_page_says():
    cluster = kubernetes_file()
    name, spec = cluster["metadata"]["name"], cluster["spec"]
    (scheduler,) = spec["scheduler"]["spec"]["containers"]
    ports = {each["name"]: each["containerPort"] for each in scheduler["ports"]}
    for port in spec["scheduler"]["service"]["ports"]:
        assert port["port"] == ports[port["targetPort"]]
    assert spec["scheduler"]["service"]["selector"]["dask.org/cluster-name"] == name
    assert f"tcp://{name}-scheduler:{ports['tcp-comm']}" in PAGE
    assert f"daskworkergroup {name}-default" in PAGE
    (worker,) = spec["worker"]["spec"]["containers"]
    assert worker["image"] == scheduler["image"]
    assert worker["args"][worker["args"].index("--nthreads") + 1] == "1"
    limit = worker["args"][worker["args"].index("--memory-limit") + 1]
    assert int(limit.removesuffix("GB")) * 1000 < int(
        worker["resources"]["limits"]["memory"].removesuffix("M")
    ), "what Kubernetes kills at is above what Dask keeps to"


def unknown(schema, data, where=""):
    """Yield the fields that a schema does not know, which Kubernetes would drop."""
    if isinstance(data, list):
        for each in data:
            yield from unknown(schema.get("items", {}), each, where + "[]")
    elif isinstance(data, dict):
        for key, value in data.items():
            known = schema.get("properties", {}).get(key) or schema.get("additionalProperties")
            if known is None:
                yield f"{where}.{key}"
            else:
                yield from unknown(
                    known if isinstance(known, dict) else {}, value, f"{where}.{key}"
                )


def test_the_operator_knows_all_that_the_kubernetes_file_says():
    if util.find_spec("dask_kubernetes") is None:
        pytest.skip("dask-kubernetes is not installed, which has the operator's definition")
    cluster = kubernetes_file()
    charts = resources.files("dask_kubernetes") / "operator/deployment/helm"
    text = (charts / "dask-kubernetes-operator/crds/daskcluster.yaml").read_text("utf-8")
    definition = pytest.importorskip("yaml").safe_load(text)["spec"]
    (version,) = definition["versions"]
    assert cluster["apiVersion"] == f"{definition['group']}/{version['name']}"
    assert cluster["kind"] == definition["names"]["kind"]
    schema = version["schema"]["openAPIV3Schema"]
    assert not list(unknown(schema["properties"]["spec"], cluster["spec"]))
    pytest.importorskip("jsonschema").validate(cluster, schema)
