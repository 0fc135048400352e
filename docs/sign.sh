#!/bin/sh
# Signs a request for payoutd and prints its headers, for curl's -H @-:
#
#     docs/sign.sh POST /v1/payouts inv-7 body.json | curl -H @- -H 'Idempotency-Key: inv-7' -H 'Content-Type: application/json' \
#         --data-binary @body.json http://127.0.0.1:8080/v1/payouts
#
# The API key stands in the variable PAYOUTD_API_KEY, whole: payoutd_<id>_<secret>. Without a body, name /dev/null.
set -eu

method=$1 target=$2 idempotency_key=$3 body=$4
secret=${PAYOUTD_API_KEY##*_}
id=${PAYOUTD_API_KEY#*_} id=${id%_*}

timestamp=$(date +%s)
nonce=$(openssl rand -hex 16)
digest=$(openssl dgst -sha256 -r "$body" | cut -d' ' -f1)
# openssl takes the key of an HMAC as an argument alone: while it runs, this user and root see it in the process list.
signature=$(printf '%s\n' PAYOUTD-HMAC-SHA256-V1 "$method" "$target" "$digest" "$idempotency_key" "$timestamp" "$nonce" |
    openssl dgst -sha256 -hmac "$secret" -r | cut -d' ' -f1)

cat <<HEADERS
X-Payoutd-Key: $id
X-Payoutd-Timestamp: $timestamp
X-Payoutd-Nonce: $nonce
X-Payoutd-Signature: v1=$signature
HEADERS
