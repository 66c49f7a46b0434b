# SPDX-License-Identifier: GPL-2.0-or-later
"""What a site offers to others: slurmrestd behind nginx with TLS at rest.NAME.example:6820, and SFTP at
dtn.NAME.example:22. Between nginx and slurmrestd there is nothing, unless a fault is wanted: while there is a
file etc/rest.fault, nginx asks rest-relay, which does what the file says."""

from . import balancer, site_root, users, worlds

REST_PORT, _SLURMRESTD_PORT, _RELAY_PORT = 6820, 6821, 6822
FAULT = "etc/rest.fault"


def rest_url(name):
    return f"https://rest.{name}.example:{REST_PORT}"


def files(site):
    """{path: text} of what the services read."""
    directory, address = site.directory, worlds.addresses(site.number)[1]
    return {"etc/nginx.conf": f"""daemon off;
user nobody nogroup;
worker_processes 1;
pid /run/nginx.pid;
error_log {directory}/log/nginx.log notice;
events {{ worker_connections 1024; }}
http {{
{balancer.temporary_paths(directory)}  access_log {directory}/log/nginx.access.log;
  client_max_body_size 64m;
  proxy_read_timeout 600s;
  proxy_intercept_errors on;
  server {{
    listen {address}:{REST_PORT} ssl;
    ssl_certificate {directory}/etc/tls/rest.pem;
    ssl_certificate_key {directory}/etc/tls/rest.key;
    location / {{
      set $slurmrestd 127.0.0.1:{_SLURMRESTD_PORT};
      if (-f {directory}/{FAULT}) {{ set $slurmrestd 127.0.0.1:{_RELAY_PORT}; }}
      proxy_pass http://$slurmrestd;
      error_page 418 = @lost;
    }}
    location @lost {{ return 444; }}
  }}
}}
""", "etc/sshd_config": f"""Port 22
ListenAddress {address}
HostKey {directory}/etc/ssh/host
AuthorizedKeysFile {directory}/etc/ssh/%u.pub
StrictModes no
AuthenticationMethods publickey
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
UsePAM no
UseDNS no
MaxStartups 100
AllowUsers {' '.join(site.people.names)}
AllowTcpForwarding no
X11Forwarding no
Subsystem sftp internal-sftp
ForceCommand internal-sftp -d {site_root.SCRATCH}/%u
PidFile /run/sshd.pid
LogLevel VERBOSE
"""}


def specifications(directory, one):
    """Their entries in the table of daemons; `one` makes one."""
    rest = one("slurmrestd", users.REST_USER, "slurmrestd", "-a", "rest_auth/jwt", f"127.0.0.1:{_SLURMRESTD_PORT}")
    rest["env"] = rest["env"] | {"SLURM_JWT": "daemon"}  # auth/jwt is then its way to slurmctld, not auth/munge
    return {
        "slurmrestd": rest,
        "rest-relay": one("rest-relay", "nobody", "/usr/bin/python3", "-B", f"{directory}/private/rest_relay.py",
                          str(_RELAY_PORT), str(_SLURMRESTD_PORT), f"{directory}/{FAULT}"),
        "sshd": one("sshd", "root", "/usr/sbin/sshd", "-D", "-e", "-f", f"{directory}/etc/sshd_config"),
        **balancer.specifications(directory, one),
    }


def listening(site, port):
    """Whether something at the site takes connections on the port, of the link or of the site's own."""
    own = port in (_RELAY_PORT, _SLURMRESTD_PORT)
    address = "127.0.0.1" if own else worlds.addresses(site.number)[1]
    return site.run(["/bin/bash", "-c", f"exec 3<>/dev/tcp/{address}/{port}"], check=False).returncode == 0


def start(site):
    """Starts them and waits until they take connections."""
    for name in ("slurmrestd", "sshd", "nginx"):
        site.start(name)
    for name, port in (("sshd", 22), ("nginx", REST_PORT), ("slurmrestd", _SLURMRESTD_PORT)):
        site.ready(name, lambda port=port: listening(site, port), 20)


def await_slurmrestd(site):
    """Waits until it takes connections, where it was started alone."""
    site.ready("slurmrestd", lambda: listening(site, _SLURMRESTD_PORT), 20)


def start_relay(site):
    if not site.pids("rest-relay", zombies=False):
        site.start("rest-relay")
        site.ready("rest-relay", lambda: listening(site, _RELAY_PORT), 20)
