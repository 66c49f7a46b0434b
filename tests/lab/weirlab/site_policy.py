# SPDX-License-Identifier: GPL-2.0-or-later
"""What weir.yaml says of a lab's site: how it is reached, and who is who there."""

_TEXT = """  {name}:
    gateway: {{nodes: "{name}-[1-{nodes}]", partition: {name}, host: gw1}}
    rest:
      url: "https://rest.{name}.example:6820"
      ca_file: sites/{name}/ca.pem
      token_file: "sites/{name}/{{user}}.jwt"
      token_command: [{directory}/etc/sites/{name}/renew, "{{user}}"]
    files:
      sftp: "dtn.{name}.example"
      key_file: "sites/{name}/{{user}}.key"
      host_key_sha256: "@{name}.host_key_sha256@"
      root: "/scratch/{{user}}"
    users: {{alice: {name[0]}-alice, bob: {name[0]}-bob}}
{terms}"""


def site(name, nodes, directory, terms):
    """Its entry under `sites`, for a lab in that directory; `terms` are lines of further keys."""
    return _TEXT.format(name=name, nodes=nodes, directory=directory, terms=terms)
