#!/usr/bin/env bash
# Writes the certificates beside this file anew; needs OpenSSL 3. They are for tests alone: their keys
# are public. All but expired.pem hold from 2020 for a hundred years.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
readonly folder=$PWD work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# make NAME EXTENSIONS SIGNER [END]: a certificate and its key; SIGNER is NAME for one that signs itself.
make() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$1.key" \
        -out "$1.csr" -subj "/CN=Thermocline test $1"
    : > index.txt
    local signer=(-cert "$3.pem" -keyfile "$3.key")
    [[ $3 != "$1" ]] || signer=(-selfsign -keyfile "$1.key")
    openssl ca -batch -notext -config <(printf '%s\n' \
        '[ca]' 'default_ca = d' '[d]' "database = $work/index.txt" "new_certs_dir = $work" \
        'rand_serial = yes' 'default_md = sha256' 'policy = p' '[p]' 'commonName = supplied' \
        '[x]' "$2") -extensions x "${signer[@]}" -in "$1.csr" -out "$1.pem" \
        -startdate 20200101000000Z -enddate "${4:-21200101000000Z}"
}

readonly root=$'basicConstraints = critical,CA:TRUE\nkeyUsage = critical,keyCertSign'
readonly here='subjectAltName = DNS:localhost,IP:127.0.0.1,IP:::1'
make root "$root" root
make other-root "$root" other-root
make server "$here" root
make expired "$here" root 20210101000000Z
make elsewhere 'subjectAltName = DNS:elsewhere.example,IP:192.0.2.1' root
make self-signed "$here" self-signed
make client 'extendedKeyUsage = clientAuth' root
make stranger 'extendedKeyUsage = clientAuth' other-root
rm root.key other-root.key
cp ./*.key {root,server,expired,elsewhere,self-signed,client,stranger}.pem "$folder"
