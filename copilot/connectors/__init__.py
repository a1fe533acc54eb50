"""The connectors, each an ordinary subpackage; `copilot._roots` says in which folders they lie."""

from copilot._roots import roots

__path__ = roots("connectors")
