"""Runs the commands of docker-compose.yml as processes and sends one message through them.

What must differ from containers is replaced, and nothing else: addresses by free loopback ports, directories by a
temporary one, the network's name lookup by `connect_to`.

Usage: as_processes.py DIRECTORY FANFARE, with the output of `docker-compose config` in DIRECTORY/compose.yml.
"""

import json
import pathlib
import re
import subprocess
import sys
import urllib.request

import yaml

STATE = "/var/lib/fanfare"
CONFIG = "/etc/fanfare/fanfare.toml"
STOP_SECONDS = 60


def command(service, work):
    """The arguments of a service, for this machine."""
    arguments = []
    for argument in service["command"]:
        argument = re.sub(r"0\.0\.0\.0:\d+$", "127.0.0.1:0", argument)
        arguments.append(argument.replace(STATE, str(work)).replace(CONFIG, str(work / "fanfare.toml")))
    return arguments


def start(fanfare, arguments, work):
    """Starts a service and waits for its line of JSON."""
    log = open(work / f"{arguments[0]}.log", "w")
    environment = {"FANFARE_STORE__DATA_DIR": str(work / "data"), "PATH": "/usr/bin:/bin"}
    process = subprocess.Popen(
        [fanfare, *arguments, "--json", "--exit-with-stdin"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=environment,
    )
    line = process.stdout.readline()
    if not line:
        process.wait()
        sys.exit(f"{arguments[0]} did not start: {pathlib.Path(log.name).read_text()}")
    return process, json.loads(line)


def stop(process):
    """As `docker stop` does."""
    process.terminate()
    code = process.wait(STOP_SECONDS)
    if code != 0:
        sys.exit(f"{process.args[1]} ended with {code} after SIGTERM")


def call(url, body=None):
    """An HTTP call of this machine; fails unless it is answered 2xx."""
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as response:
        return response.read()


def first_token(fanfare, work):
    """Makes the first token by the command that docker-compose.yml tells."""
    told = re.search(r"^# +docker-compose run --rm server (.*)$", pathlib.Path("docker-compose.yml").read_text(), re.M)
    (work / "data").mkdir()
    arguments = told.group(1).replace(STATE, str(work)).split()
    done = subprocess.run([fanfare, *arguments], stdout=subprocess.PIPE, timeout=60, check=True)
    return done.stdout.decode().strip()


def client(fanfare, token, arguments, stdin=None):
    """Runs a command of the client and gives what it prints, a list of JSON objects."""
    done = subprocess.run(
        [fanfare, *arguments, "--json"],
        input=stdin,
        stdout=subprocess.PIPE,
        env={"FANFARE_TOKEN": token},
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def config(work, push_port):
    """compose/fanfare.toml, for this machine."""
    text = pathlib.Path("compose/fanfare.toml").read_text()
    text, ports = re.subn(r"^port = 8032$", f"port = {push_port}", text, flags=re.M)
    text, networks = re.subn(r"^cidrs = .*$", f'connect_to = "127.0.0.1:{push_port}"', text, flags=re.M)
    assert (ports, networks) == (1, 1), "compose/fanfare.toml is not as expected"
    (work / "fanfare.toml").write_text(text.replace(STATE, str(work)))


def healthy(fanfare, admin):
    """The Dockerfile's health check, against this port."""
    told = re.search(r"HEALTHCHECK .* CMD (\[.*\])", pathlib.Path("Dockerfile").read_text())
    program, *arguments = json.loads(told.group(1))
    assert program == "fanfare", program
    subprocess.run([fanfare, *arguments, f"--admin=http://{admin}"], timeout=30, check=True, stdout=subprocess.DEVNULL)


def metrics_are_clean(admin):
    """What the server shows is Prometheus' text format, and promtool has nothing to say of it."""
    text = call(f"http://{admin}/metrics")
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and not said, said.decode()


def monitoring(services, work):
    """Prometheus scrapes the server by its name and has the alerts; Grafana reads from it and has the dashboard."""
    mounts = {}
    for name in ("prometheus", "grafana"):
        # SOURCE:TARGET:ro; a source that is no path is a volume.
        volumes = [volume.split(":") for volume in services[name]["volumes"]]
        mounts[name] = {target: pathlib.Path(source) for source, target, *_ in volumes if source.startswith("/")}
    for files in mounts.values():
        missing = [str(source) for source in files.values() if not source.is_file()]
        assert not missing, missing
    text = mounts["prometheus"]["/etc/prometheus/prometheus.yml"].read_text()
    config = yaml.safe_load(text)
    (job,) = config["scrape_configs"]
    host, port = job["static_configs"][0]["targets"][0].split(":")
    assert f"--admin-listen=0.0.0.0:{port}" in services[host]["command"], job
    # promtool looks for the rules where the configuration says.
    for target, source in mounts["prometheus"].items():
        text = text.replace(target, str(source))
    (work / "prometheus.yml").write_text(text)
    subprocess.run(["promtool", "check", "config", work / "prometheus.yml"], check=True, stdout=subprocess.DEVNULL)

    grafana = mounts["grafana"]
    read = lambda target: yaml.safe_load(grafana[target].read_text())
    (source,) = read("/etc/grafana/provisioning/datasources/fanfare.yml")["datasources"]
    host, port = source["url"].removeprefix("http://").split(":")
    assert services[host]["ports"][0].split("/")[0].endswith(f":{port}"), source
    (provider,) = read("/etc/grafana/provisioning/dashboards/fanfare.yml")["providers"]
    folder = provider["options"]["path"]
    (dashboard,) = [path for target, path in grafana.items() if target.startswith(folder + "/")]
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert grafana[home] == dashboard, home
    assert json.loads(dashboard.read_text())["uid"] == "fanfare"


def main():
    work, fanfare = pathlib.Path(sys.argv[1]), sys.argv[2]
    services = yaml.safe_load((work / "compose.yml").read_text())["services"]
    assert set(services) == {"sandbox", "server", "prometheus", "grafana"}, services.keys()
    monitoring(services, work)
    (work / "sandbox").mkdir()

    sandbox, ready = start(fanfare, command(services["sandbox"], work), work)
    assert (work / "sandbox" / "ca.pem").stat().st_size > 0
    config(work, ready["push_origin"].rsplit(":", 1)[1])
    control = f"http://{ready['control']}"
    token = first_token(fanfare, work)
    server, ready = start(fanfare, command(services["server"], work), work)
    address = f"--server=http://{ready['server']}"
    healthy(fanfare, ready["admin"])
    metrics_are_clean(ready["admin"])

    key = ready["applications"][0]["application_server_key"]
    group = json.loads(call(f"{control}/groups", json.dumps({"count": 1, "application_server_key": key}).encode()))
    subscription = call(f"{control}/groups/{group['group']}/subscriptions")
    refused = subprocess.run([fanfare, "subscriptions", "list", address], capture_output=True, timeout=60)
    assert refused.returncode == 1 and b"CREDENTIALS_INVALID" in refused.stderr, refused
    (stored,) = client(fanfare, token, ["subscribe", address, "--user=alice"], subscription)
    assert stored["created"] is True, stored
    frames = client(fanfare, token, ["send", address, "--user=alice", "--title=Hello"])
    accepted = frames[-1]["summary"]["counts"]["accepted"]
    assert accepted == 1, frames
    counts = json.loads(call(f"{control}/counts"))
    assert counts["statuses"] == {"201": 1} and counts["decrypt_failures"] == 0, counts

    stop(server)
    stop(sandbox)
    print(json.dumps({"services": len(services), "accepted": accepted, "received": counts["statuses"]["201"]}))


main()
