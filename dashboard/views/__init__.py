"""The pages. A view says who may see it, asks a selector or a service, and picks the template."""
