"""The fake, for the judge."""

from tests.vendors.graph import graph as graph
from tests.vendors.graph import graph_server as graph_server
