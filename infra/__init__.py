"""Configuration and deployment only: the demo town's deployment folder, later compose, Grafana, Kubernetes."""
