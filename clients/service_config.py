"""Writes clients/service-config.json from the contract: how long unary calls may take, and which are repeated. Run by
`clients/generate`.

    service_config.py DESCRIPTORS >clients/service-config.json      a FileDescriptorSet as JSON
"""

import json
import sys

TIMEOUT = "10s"
RETRY_POLICY = {
    "maxAttempts": 5,
    "initialBackoff": "0.1s",
    "maxBackoff": "2s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}


def main():
    files = json.load(open(sys.argv[1], encoding="utf-8"))["file"]
    repeated, once = [], []
    for file in files:
        for service in file.get("service", []):
            for method in service["method"]:
                if method.get("clientStreaming") or method.get("serverStreaming"):
                    continue
                may_be_repeated = "idempotencyLevel" in method.get("options", {})
                name = {"service": f"{file['package']}.{service['name']}", "method": method["name"]}
                (repeated if may_be_repeated else once).append(name)
    config = [
        {"name": repeated, "timeout": TIMEOUT, "retryPolicy": RETRY_POLICY},
        {"name": once, "timeout": TIMEOUT},
    ]
    print(json.dumps({"methodConfig": config}, indent=2))


if __name__ == "__main__":
    main()
