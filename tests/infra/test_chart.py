"""What the chart makes, in every shape it has: known to Kubernetes, kept in, and as our processes need it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infra.conftest import URL, Render
from tests.infra.objects import Object, faults, pod_templates
from tests.infra.tools import CHART, HELM, ROOT, attempt, run

pytestmark = [pytest.mark.heavy, pytest.mark.infra]

EVERYTHING: dict[str, Any] = {
    "images": {
        "server": {"repository": "registry.example.com/noonmark/server", "digest": f"sha256:{'0' * 64}"},
        "scheduler": {"repository": "registry.example.com/noonmark/scheduler", "tag": "1.2.3"},
        "pullSecrets": ["on"],
    },
    "commonLabels": {"team": "platform"},
    "settings": {"egressAllow": ["10.20.0.0/16"], "corsOrigins": ["https://app.example.com"]},
    "server": {
        "pooler": {"enabled": True},
        "autoscaling": {"enabled": True},
        "nodeSelector": {"pool": "noonmark"},
        "tolerations": [{"key": "noonmark", "operator": "Exists"}],
        "priorityClassName": "on",
        "podAnnotations": {"a": "b"},
    },
    "scheduler": {
        "autoscaling": {"enabled": True, "lateness": {"enabled": True, "selector": {"namespace": "on"}}},
        "kubernetesRuntime": {"enabled": True, "images": ["registry.example.com/jobs/"]},
        "functions": ["examples.functions"],
        "env": {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://otel:4318"},
    },
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
    "networkPolicy": {
        "serverFrom": [{"namespaceSelector": {}}],
        "metricsFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "postgresql": {"to": [{"ipBlock": {"cidr": "10.0.5.0/24"}}]},
        "kubernetesApi": {"to": [{"ipBlock": {"cidr": "10.0.0.1/32"}}]},
        "telemetry": {"to": [{"namespaceSelector": {}}]},
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True},
    "dashboards": {"enabled": True},
}
LEAST: dict[str, Any] = {
    "migration": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "topologySpread": {"enabled": False},
    "server": {"disruption": None, "preStopSeconds": 0},
    "scheduler": {"disruption": None},
    "reaper": {"disruption": None},
}
SHAPES = {"defaults": {}, "everything": EVERYTHING, "least": LEAST}


def one(objects: list[Object], kind: str, name: str) -> Object:
    [found] = [each for each in objects if each["kind"] == kind and each["metadata"]["name"] == name]
    return found


def variables(deployment: Object) -> dict[str, Any]:
    """Of its only container: values, or where a secret is."""
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    names = [each["name"] for each in container["env"]]
    assert len(names) == len(set(names))
    return {
        each["name"]: each["value"] if "value" in each else each["valueFrom"]["secretKeyRef"]
        for each in container["env"]
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_helm_finds_nothing_to_say(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(URL | SHAPES[shape]))
    run(str(HELM), "lint", "--strict", str(CHART), f"--values={file}")


@pytest.mark.parametrize("kubernetes", ["1.29.0", "1.33.0"])
@pytest.mark.parametrize("shape", SHAPES)
def test_kubernetes_knows_every_object_and_every_field(shape: str, kubernetes: str, render: Render) -> None:
    objects = render(SHAPES[shape], kubernetes=kubernetes)
    found = {each["metadata"]["name"]: faults(each) for each in objects if faults(each)}
    assert found == {}
    names = [(each["kind"], each["metadata"].get("namespace"), each["metadata"]["name"]) for each in objects]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("shape", SHAPES)
def test_every_pod_keeps_the_restricted_standard(shape: str, render: Render) -> None:
    templates = dict(pod_templates(render(SHAPES[shape])))
    assert {"r-noonmark-server", "r-noonmark-scheduler", "r-noonmark-reaper"} <= templates.keys()
    for template in templates.values():
        pod = template["spec"]["securityContext"]
        assert (
            pod["runAsNonRoot"] and pod["runAsUser"] and pod["seccompProfile"] == {"type": "RuntimeDefault"}
        )
        for container in template["spec"]["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert "memory" in container["resources"]["limits"]
        assert {kind for volume in template["spec"]["volumes"] for kind in volume} == {"name", "emptyDir"}


@pytest.mark.parametrize("shape", SHAPES)
def test_no_object_holds_a_secret(shape: str, render: Render) -> None:
    objects = render(SHAPES[shape])
    assert [each for each in objects if each["kind"] == "Secret"] == []
    for name in ("server", "scheduler", "reaper"):
        given = variables(one(objects, "Deployment", f"r-noonmark-{name}"))
        assert given["DATABASE_URL"]["key"] == (
            "pooled-database-url" if name == "server" and shape == "everything" else "database-url"
        )


def test_what_of_postgresql_not_to_use_is_told_to_the_migration_and_to_all_processes(render: Render) -> None:
    templates = dict(pod_templates(render({"settings": {"without": ["notify", "partitions"]}})))
    told = {
        name: variable["value"]
        for name, template in templates.items()
        for variable in template["spec"]["containers"][0]["env"]
        if variable["name"] == "NOONMARK_WITHOUT"
    }
    assert (len(told), set(told.values())) == (4, {"notify,partitions"})


def test_each_process_gets_the_secrets_it_needs_and_no_others(render: Render) -> None:
    objects = render()
    given = {
        name: {key for key, value in variables(one(objects, "Deployment", f"r-noonmark-{name}")).items()
               if isinstance(value, dict)}
        for name in ("server", "scheduler", "reaper")
    }  # fmt: skip
    storage = {"NOONMARK_STORAGE_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert given["reaper"] == {"DATABASE_URL"} | storage
    assert given["scheduler"] == {"DATABASE_URL", "NOONMARK_MASTER_KEYS"} | storage
    assert given["server"] >= {"NOONMARK_JWT_SECRET", "NOONMARK_MASTER_KEYS", "RESEND_API_KEY", "SMTP_URL"}


def test_probes_ask_where_the_processes_serve(render: Render) -> None:
    objects = render()
    for name, setting in (("server", "PORT"), ("scheduler", "NOONMARK_METRICS_PORT")):
        deployment = one(objects, "Deployment", f"r-noonmark-{name}")
        [container] = deployment["spec"]["template"]["spec"]["containers"]
        [port] = container["ports"]
        assert str(port["containerPort"]) == variables(deployment)[setting]
        probes = {kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
        assert {probe["port"] for probe in probes.values()} == {port["name"]}
        assert (probes["liveness"]["path"], probes["readiness"]["path"]) == ("/healthz", "/readyz")


@pytest.mark.parametrize("drain", [0, 60, 900])
def test_a_scheduler_is_given_longer_than_it_drains(drain: int, render: Render) -> None:
    deployment = one(render({"scheduler": {"drainSeconds": drain}}), "Deployment", "r-noonmark-scheduler")
    assert variables(deployment)["NOONMARK_DRAIN_SECONDS"] == str(drain)
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == drain + 30


def test_an_api_is_given_its_notice_and_the_requests_in_flight(render: Render) -> None:
    spec = one(render(), "Deployment", "r-noonmark-server")["spec"]
    assert spec["strategy"]["rollingUpdate"]["maxUnavailable"] == 0
    pod = spec["template"]["spec"]
    notice = pod["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] >= notice + 30 + 5


def test_an_older_kubernetes_waits_by_a_command(render: Render) -> None:
    deployment = one(render(kubernetes="1.29.0"), "Deployment", "r-noonmark-server")
    [container] = deployment["spec"]["template"]["spec"]["containers"]
    assert container["lifecycle"]["preStop"] == {"exec": {"command": ["sleep", "5"]}}


def test_the_migration_runs_before_what_needs_it_and_leaves_its_log_when_it_fails(render: Render) -> None:
    notes = one(render(), "Job", "r-noonmark-migration")["metadata"]["annotations"]
    assert notes["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "hook-failed" not in notes["helm.sh/hook-delete-policy"]


def test_all_that_the_migration_needs_is_there_before_it(render: Render) -> None:
    mine = [each for each in render() if each["metadata"]["name"] == "r-noonmark-migration"]
    weights = {each["kind"]: int(each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in mine}
    assert weights["Job"] > max(weights["ServiceAccount"], weights["NetworkPolicy"])


def test_an_autoscaler_is_not_argued_with(render: Render) -> None:
    objects = render(EVERYTHING)
    for name in ("server", "scheduler"):
        assert "replicas" not in one(objects, "Deployment", f"r-noonmark-{name}")["spec"]
    metrics = one(objects, "HorizontalPodAutoscaler", "r-noonmark-scheduler")["spec"]["metrics"]
    assert [metric["type"] for metric in metrics] == ["Resource", "External"]
    assert metrics[1]["external"] == {
        "metric": {"name": "noonmark_oldest_ready_seconds", "selector": {"matchLabels": {"namespace": "on"}}},
        "target": {"type": "Value", "value": "2"},
    }


def test_lateness_may_also_be_a_metric_of_the_pods(render: Render) -> None:
    lateness = {"enabled": True, "type": "Pods", "metric": "noonmark_lateness_p95_seconds", "target": "500m"}
    scaling = {"enabled": True, "lateness": lateness}
    scaler = one(
        render({"scheduler": {"autoscaling": scaling}}), "HorizontalPodAutoscaler", "r-noonmark-scheduler"
    )
    assert faults(scaler) == []
    assert scaler["spec"]["metrics"][1]["pods"]["target"] == {"type": "AverageValue", "averageValue": "500m"}


def test_the_metric_that_scales_is_one_that_we_have() -> None:
    metric = yaml.safe_load((CHART / "values.yaml").read_text())["scheduler"]["autoscaling"]["lateness"][
        "metric"
    ]
    assert f'"{metric}"' in (ROOT / "core" / "metrics.py").read_text()


def test_a_scheduler_reaches_public_addresses_names_and_its_database(render: Render) -> None:
    egress = one(render(), "NetworkPolicy", "r-noonmark-scheduler")["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in egress for peer in rule.get("to", []) if "ipBlock" in peer]
    assert {block["cidr"] for block in blocks} == {"0.0.0.0/0", "2000::/3"}
    for block in blocks:
        if block["cidr"] == "0.0.0.0/0":
            wanted = {"10.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32", "127.0.0.0/8"}
            assert wanted <= set(block["except"])
    assert sorted(port["port"] for rule in egress for port in rule.get("ports", [])) == [
        53,
        53,
        443,
        465,
        587,
        5432,
    ]


def test_what_jobs_may_call_is_open_in_the_policy_too(render: Render) -> None:
    objects = render(EVERYTHING)
    assert (
        variables(one(objects, "Deployment", "r-noonmark-scheduler"))["NOONMARK_EGRESS_ALLOW"]
        == "10.20.0.0/16"
    )
    for name, namespace in (("r-noonmark-scheduler", None), ("r-noonmark-jobs-network", "n-jobs")):
        policy = one(objects, "NetworkPolicy", name)
        assert policy["metadata"].get("namespace") == namespace
        assert {"ipBlock": {"cidr": "10.20.0.0/16"}} in policy["spec"]["egress"][-1]["to"]


def test_a_job_s_pod_reaches_nothing_unless_it_asked_for_a_network(render: Render) -> None:
    objects = render(EVERYTHING)
    closed = one(objects, "NetworkPolicy", "r-noonmark-jobs")["spec"]
    assert closed == {
        "podSelector": {"matchLabels": {"app.kubernetes.io/managed-by": "noonmark"}},
        "policyTypes": ["Ingress", "Egress"],
    }
    opened = one(objects, "NetworkPolicy", "r-noonmark-jobs-network")["spec"]
    assert opened["podSelector"]["matchLabels"]["noonmark/network"] == "allowed"


def test_a_scheduler_has_no_rights_in_the_cluster_unless_it_runs_jobs_there(render: Render) -> None:
    objects = render()
    assert [each for each in objects if each["apiVersion"].startswith("rbac")] == []
    pod = one(objects, "Deployment", "r-noonmark-scheduler")["spec"]["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False


def test_its_rights_are_of_one_namespace_and_never_read_a_secret(render: Render) -> None:
    objects = render(EVERYTHING)
    assert [each for each in objects if each["kind"].startswith("ClusterRole")] == []
    role = one(objects, "Role", "r-noonmark-jobs")
    assert role["metadata"]["namespace"] == "n-jobs"
    rights = {resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]}
    assert rights.keys() == {"jobs", "jobs/finalizers", "pods", "pods/log", "secrets"}
    assert rights["secrets"] == {"create"}
    assert "create" not in rights["pods"]
    [subject] = one(objects, "RoleBinding", "r-noonmark-jobs")["subjects"]
    assert (subject["name"], subject["namespace"]) == ("r-noonmark-scheduler", "n")


def test_its_rights_are_those_that_the_pages_name_and_the_runtime_is_tried_with(render: Render) -> None:
    page = (ROOT / "docs" / "code.md").read_text()
    [told] = re.findall(r"```yaml\n(apiVersion: rbac.*?)```", page, flags=re.DOTALL)
    assert one(render(EVERYTHING), "Role", "r-noonmark-jobs")["rules"] == yaml.safe_load(told)["rules"]


def test_metrics_lead_nowhere_from_outside(render: Render) -> None:
    objects = render(EVERYTHING)
    [rule] = one(objects, "Ingress", "r-noonmark")["spec"]["rules"]
    paths = {path["path"]: path["backend"]["service"]["name"] for path in rule["http"]["paths"]}
    assert (rule["host"], paths) == (
        "jobs.example.com",
        {"/metrics": "r-noonmark-closed", "/": "r-noonmark-server"},
    )
    assert "selector" not in one(objects, "Service", "r-noonmark-closed")["spec"]


def test_prometheus_finds_every_process(render: Render) -> None:
    objects = render(EVERYTHING)
    services = [each for each in objects if each["kind"] == "Service"]
    for monitor in (each for each in objects if each["kind"] == "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        found = [each for each in services if wanted <= each["metadata"]["labels"].items()]
        assert len(found) == 1
        assert monitor["spec"]["endpoints"][0]["port"] in [port["name"] for port in found[0]["spec"]["ports"]]


def test_every_rule_and_every_dashboard_of_ours_comes_along_unchanged(render: Render) -> None:
    objects, watched = render(EVERYTHING), ROOT / "infra" / "observability"
    rules = [yaml.safe_load(file.read_text()) for file in watched.glob("prometheus/rules/*.yml")]
    made = [each["spec"] for each in objects if each["kind"] == "PrometheusRule"]
    assert sorted(map(_written, made)) == sorted(map(_written, rules))
    boards = {file.name: file.read_text() for file in watched.glob("grafana/dashboards/*.json")}
    given = [each["data"] for each in objects if each["kind"] == "ConfigMap"]
    assert {name: text for data in given for name, text in data.items()} == boards


def _written(content: object) -> str:
    return json.dumps(content, sort_keys=True)


def test_services_budgets_and_policies_select_the_pods_of_their_deployment(render: Render) -> None:
    objects = render(EVERYTHING)
    labels = {name: template["metadata"]["labels"].items() for name, template in pod_templates(objects)}
    for each in objects:
        if each["kind"] not in ("PodDisruptionBudget", "Service") or "selector" not in each["spec"]:
            continue
        selector = each["spec"]["selector"]
        wanted = selector.get("matchLabels", selector).items()
        name = each["metadata"]["name"].removesuffix("-metrics")
        assert [pod for pod, has in labels.items() if wanted <= has] == [name]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"publicUrl": ""}, "publicUrl"),
        ({"settings": {"leaseTtlSeconds": 5}}, "three times"),
        ({"scheduler": {"autoscaling": {"minReplicas": 30}}}, "minReplicas is larger"),
        ({"scheduler": {"kubernetesRuntime": {"enabled": True}}}, "kubernetesRuntime.images"),
        ({"schedulers": 4}, "schedulers"),
    ],
)
def test_a_value_that_is_wrong_is_named(values: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text(yaml.safe_dump(URL | values))
    done = attempt(str(HELM), "template", "r", str(CHART), f"--values={file}", "--kube-version=1.33.0")
    assert done.returncode != 0 and said in done.stderr
