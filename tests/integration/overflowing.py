# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of overflow share this site, with what they add to its terms and to the policy."""

import tempfile

SITE = """mode: act
{top}sites:
  west:
    gateway: {{nodes: "west-[1-4]", partition: west, host: gw1}}
    rest:
      url: "https://rest.west.example:6820"
      ca_file: sites/west/ca.pem
      token_file: "sites/west/{{user}}.jwt"
      token_command: [{directory}/etc/sites/west/renew, "{{user}}"]
    files:
      sftp: "dtn.west.example"
      key_file: "sites/west/{{user}}.key"
      host_key_sha256: "@west.host_key_sha256@"
      root: "/scratch/{{user}}"
    users: {{alice: w-alice, bob: w-bob}}
    max_remote_wait: {wait}
{terms}overflow:
  - {{name: spill, partitions: [train], default: never, value_of_time: 0.20{rule}}}
"""


def overflowing(module_lab, weir, top="", terms="    price: {currency: USD, gpu_hour: {other: 0.60}}\n", rule="",
                wait="5s", **options):
    """A lab with the site west."""
    directory = tempfile.mkdtemp(prefix="weir-lab-test-", dir="/tmp")
    return module_lab(directory=directory, nodes=2, sites=["west:4"], weir=weir,
                      policy=SITE.format(directory=directory, top=top, terms=terms, rule=rule, wait=wait), **options)
