"""How the installation itself does: for operators, for Prometheus, and for whoever watches from outside."""
