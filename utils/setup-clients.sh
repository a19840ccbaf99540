#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Makes .venv-clients: PyTorch and the packages that test/Python/test_clients.py
# compares formats and test/Python/test_transformers.py models with. A second run
# does nothing. PyTorch's own index has wheels for the CPU alone; where it is out
# of reach, the wheel of the usual index brings several GB of libraries for GPUs,
# without which it does not start.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=utils/stage.sh
. utils/stage.sh

requirements=test/Python/clients-requirements.txt
environment=.venv-clients
stamp=$environment/installed
pip=("$environment/bin/python" -m pip install --disable-pip-version-check)

install_torch() {
  local torch
  torch=$(grep '^torch==' "$requirements")
  "${pip[@]}" --retries 0 --timeout 10 "$torch+cpu" \
    --index-url https://download.pytorch.org/whl/cpu || "${pip[@]}" "$torch"
}

install_clients() {
  /usr/bin/python3 -m venv "$environment" && install_torch &&
    "${pip[@]}" --requirement "$requirements"
}

wanted=$(cksum <"$requirements")
if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
  stage "Install PyTorch and other people's quantizers into $environment/" install_clients
  echo "$wanted" >"$stamp"
fi
