"""Real coding agents, installed from the npm registry, against what `pgdex install` writes. Run: make test-clients"""
