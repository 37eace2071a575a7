#!/usr/bin/env bash
# Creates deploy/compose/.env from .env.example, with random passwords, readable only by you. It does not change an
# existing file.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec bash "$here/../../scripts/k8s-secrets.sh" "$here"
