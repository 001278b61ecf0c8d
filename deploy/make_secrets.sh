#!/bin/sh
# Makes the secrets of compose.yaml, once, in deploy/secrets/; shows the token of the sign-in link.
set -eu

folder=$(dirname "$0")/secrets
if [ -e "$folder" ]; then
	echo "$folder is there already; delete it first to make new secrets" >&2
	exit 1
fi
# The folder keeps others out; the files are readable, since the containers' users have other numbers.
mkdir -m 0700 "$folder"
password=$(openssl rand -hex 24)
openssl rand -hex 24 >"$folder/token"
printf '%s' "$password" >"$folder/postgres_password"
printf 'postgresql://mien:%s@postgres/mien' "$password" >"$folder/database_url"
chmod 0644 "$folder"/*
echo "made the secrets; open https://YOUR-DOMAIN/?token=$(cat "$folder/token")"
