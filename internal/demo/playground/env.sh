# Settings of this shell that would change what the CLI or the provider does
for name in $(env | sed -nE 's/^((TF|ETCDCTL)_[A-Za-z0-9_]*)=.*/\1/p'); do
  unset "$name"
done
export TF_CLI_CONFIG_FILE='{{.Config}}' # where the CLI finds the provider
export ETCDCTL_ENDPOINTS='{{.URL}}'     # where the provider and etcdctl find the store
export ETCDCTL_API=2
export CHECKPOINT_DISABLE=1
export PATH='{{.CLIDir}}':"$PATH"
