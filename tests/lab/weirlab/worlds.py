# SPDX-License-Identifier: GPL-2.0-or-later
"""What is told to the processes that make the namespaces: one dict for home, number 0, and one for each site.

A site's directory lies below home's, but on a file system of the site's own: home has nothing there."""

from .gateway import HOST


def site_directory(directory, name):
    return f"{directory}/{name}"


def home(directory, weir, sites):
    """Home's; it knows the names of its sites."""
    return {"number": 0, "prefix": "", "hostname": "lab", "directory": directory, "mount": directory,
            "weir": weir,
            "hosts": [f"127.0.0.1 {HOST}"] + [host_line(number, site) for number, site in enumerate(sites, 1)]}


def of_site(number, site, directory):
    """That of a site (weirlab.site_plan) of the home in the directory."""
    return {"number": number, "prefix": site["prefix"], "hostname": site["name"], "mount": directory,
            "directory": site_directory(directory, site["name"]), "weir": None,
            "scratch_mib": site["scratch_mib"], "root": site["root"], "hosts": [host_line(number, site)]}


def addresses(number):
    """(home's, the site's) address on the link between them."""
    return f"10.77.{number}.1", f"10.77.{number}.2"


def host_line(number, site):
    name = site["name"]
    return f"{addresses(number)[1]} rest.{name}.example dtn.{name}.example"
