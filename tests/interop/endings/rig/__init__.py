"""What the causes are made with: processes, namespaces, relays, other people's software."""
