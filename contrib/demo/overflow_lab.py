# SPDX-License-Identifier: GPL-2.0-or-later
"""The second act's lab: a home cluster and two remote sites. With and without overflow it differs in one word."""

import json

from weirlab import Lab, LabError, site_policy

HOME_NODES, GPUS_A_NODE = 4, 4
SITES = {"west": 3, "north": 2}  # nodes of each, all of the same kind
VOUCHER = 54                     # GPU-seconds, good at west
HOUR = 60                        # a minute here stands for an hour: prices are by such hours
PRICES = {"home": 3.00, "west": 0.60, "north": 1.20}  # for an hour of a GPU
NEAREST = 25                     # milliseconds

MODES = {"without": "advise", "with": "act"}

_TERMS = """\
    price: {{currency: USD, gpu_hour: {{h100: {price}}}}}
    latency: {latency}ms
    max_remote_wait: 30s
"""
_POLICY = """\
mode: {mode}
cycle: 1s
home:
  price: {{gpu_hour: {{h100: {price}}}}}
sites:
{sites}overflow:
  - {{name: backlog, partitions: [train], default: never, value_of_time: 12, stay: 1s, budget: {{per_day: 40}}}}
"""


def rate(place):
    """What a GPU costs there for each second."""
    return PRICES[place] * HOUR / 3600


def _policy(mode, directory):
    def site(name, latency):
        return site_policy.site(name, SITES[name], directory,
                                _TERMS.format(price=PRICES[name] * HOUR, latency=latency))

    voucher = f"    vouchers: [{{name: prepaid, gpu_hours: {VOUCHER / 3600:.4f}}}]\n"
    return _POLICY.format(mode=mode, price=PRICES["home"] * HOUR,
                          sites=site("west", 45) + voucher + site("north", NEAREST))


def start(arm, directory, build):
    """The lab, its sites and all of Weir; both sites are known to be in reach when this returns."""
    nodes = f"t[1-{HOME_NODES}]"
    layout = {"nodes": [{"names": nodes, "gpus": f"h100:{GPUS_A_NODE}"}],
              "partitions": [{"name": "train", "nodes": nodes, "default": True}],
              "slurm_conf": ["AuthInfo=cred_expire=5"]}
    sites = [{"name": name, "nodes": count, "gpus": f"h100:{GPUS_A_NODE}"} for name, count in SITES.items()]
    lab = Lab.up(directory, layout=layout, weir=build, sites=sites, policy=_policy(MODES[arm], directory))
    try:
        lab.wait(lambda: states(lab), 60, "both sites to be in reach", step=0.3,
                 until=lambda seen: seen == {name: "open" for name in SITES})
    except LabError as error:
        log = "\n".join(lab.log(name, 10) for name in ("weirctld", "weir-gateway"))
        lab.down()
        raise LabError(f"{error}\nthe logs of weirctld and weir-gateway end:\n{log}") from error
    except BaseException:
        lab.down()
        raise
    return lab


def states(lab):
    """{site: open, throttled or closed}, none until weirctld tells."""
    return {site["name"]: site["state"] for site in ask_sites(lab).get("sites", [])}


def ask_sites(lab):
    """What `weir sites` tells; nothing while no weirctld answers."""
    result = lab.run(["weir", "--json", "sites"], check=False)
    try:
        return json.loads(result.stdout)
    except ValueError:
        return {}
