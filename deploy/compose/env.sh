#!/usr/bin/env bash
# Makes deploy/compose/.env from .env.example, with random passwords, for your eyes only. One that is there
# stays as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
exec bash "$here/../../scripts/k8s-secrets.sh" "$here"
