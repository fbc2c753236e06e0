package main

// The subcategories by which the registry groups the pages.
const (
	keys    = "Keys"
	users   = "Users and roles"
	cluster = "Cluster"
	leaving = "Leaving v2"
)

// subcategories returns the subcategories in the order of the index.
func subcategories() []string { return []string{keys, users, cluster, leaving} }

// row is what is added to one page.
type row struct {
	// page is the path below docs/, without ".md".
	page        string
	subcategory string
	// callouts are paragraphs before the example. A warning about losing data begins with
	// "~> ", a note with "-> ".
	callouts []string
	// see are the pages that the page links to.
	see []string
}

// Callouts that appear on more than one page.
const (
	adoptedKey = "~> **Overwrites:** With `adopt_existing = true`, creating the object overwrites the value and the TTL of a key that " +
		"already exists. If the plan can read the key, it shows the change. The old value cannot be restored."
	neverRead = "-> A server never returns a password. A password that was changed elsewhere is not drift, and an import cannot read it."
	rootLost  = "~> **Lockout:** If authentication is enabled and nobody knows the password of a user with the role `root`, no request " +
		"can change users or roles, or disable authentication. Store such a password outside Terraform before you enable authentication or " +
		"change it."
	notRepeated = "-> If the action fails, the resource that triggered it stays changed, and the next plan does not invoke the action " +
		"again. `terraform apply -invoke=` with the address of the action does."
	adoptedUser = "~> **Overwrites:** With `adopt_existing = true`, creating the user sets the configured password and roles of a user " +
		"that already exists. The old password no longer works and cannot be restored."
)

// table has a row for every object, and for some guides.
func table() []row {
	rows := keyRows()
	rows = append(rows, userRows()...)
	rows = append(rows, clusterRows()...)
	rows = append(rows, leavingRows()...)
	return append(rows, guideRows()...)
}

func keyRows() []row {
	return []row{
		{"resources/key", keys, []string{adoptedKey}, []string{
			"resources/key_prefix", "data-sources/key", "ephemeral-resources/key", "list-resources/key", "guides/ttl",
			"guides/secrets", "guides/conflicts",
		}},
		{"resources/key_prefix", keys, []string{
			"~> **Deletes keys:** With `exclusive = true`, an apply deletes every visible key below `prefix` that is not listed in `keys`, no " +
				"matter who created it. The plan lists these keys. Keys that other programs create between plan and apply stay until a later " +
				"plan lists them.",
			adoptedKey,
		}, []string{
			"functions/flatten", "data-sources/keys", "resources/key", "resources/dir", "guides/trees", "guides/adopting", "guides/conflicts",
		}},
		{"resources/in_order_key", keys, nil, []string{"actions/push", "data-sources/keys", "resources/key"}},
		{"resources/dir", keys, []string{
			"~> **Deletes keys:** With `force_destroy = true`, destroying or replacing the directory deletes everything in it, including " +
				"hidden keys and keys that no plan has shown. If other objects of the configuration manage keys in it, the " +
				"plan replaces them too, or is refused.",
		}, []string{"data-sources/dir", "list-resources/dir", "resources/key_prefix", "guides/ttl", "guides/conflicts"}},
		{"data-sources/key", keys, nil, []string{"resources/key", "ephemeral-resources/key", "data-sources/keys", "data-sources/watch"}},
		{"data-sources/keys", keys, nil, []string{
			"functions/unflatten", "resources/key_prefix", "data-sources/key", "data-sources/dir", "list-resources/key",
		}},
		{"data-sources/dir", keys, nil, []string{"resources/dir", "data-sources/keys", "list-resources/dir"}},
		{"data-sources/watch", keys, nil, []string{
			"actions/wait", "data-sources/key", "ephemeral-resources/lock", "guides/pipelines",
		}},
		{"ephemeral-resources/key", keys, nil, []string{"guides/secrets", "resources/key", "data-sources/key"}},
		{"ephemeral-resources/lock", keys, []string{
			"-> The lock is released between plan and apply. It protects what happens within one of them, not the time between them.",
		}, []string{"data-sources/watch", "actions/wait", "guides/pipelines", "guides/conflicts"}},
		{"list-resources/key", keys, nil, []string{"resources/key", "data-sources/keys", "list-resources/dir", "guides/adopting"}},
		{"list-resources/dir", keys, nil, []string{"resources/dir", "data-sources/dir", "list-resources/key", "guides/adopting"}},
		{"actions/set", keys, []string{
			"~> **Overwrites:** The action overwrites the value and the TTL of a key that already exists, without a comparison. No plan shows " +
				"the old value.",
			notRepeated,
		}, []string{"resources/key", "actions/wait", "actions/delete", "guides/pipelines"}},
		{"actions/delete", keys, []string{
			"~> **Deletes keys:** The action deletes without a comparison. With `recursive = true`, it deletes everything below the path, " +
				"including hidden keys. No plan lists these keys.",
			notRepeated,
		}, []string{"resources/key", "resources/dir", "actions/set", "guides/pipelines"}},
		{"actions/push", keys, []string{notRepeated}, []string{
			"resources/in_order_key", "actions/set", "data-sources/keys", "guides/pipelines",
		}},
		{"actions/refresh", keys, []string{notRepeated}, []string{"resources/key", "guides/ttl", "actions/set", "guides/pipelines"}},
		{"actions/wait", keys, []string{notRepeated}, []string{
			"data-sources/watch", "actions/set", "ephemeral-resources/lock", "guides/pipelines",
		}},
		{"functions/flatten", keys, nil, []string{"functions/unflatten", "resources/key_prefix", "functions/key_join", "guides/trees"}},
		{"functions/unflatten", keys, nil, []string{"functions/flatten", "data-sources/keys", "guides/trees"}},
		{"functions/key_join", keys, nil, []string{"functions/key_parent", "functions/key_base", "functions/flatten"}},
		{"functions/key_parent", keys, nil, []string{"functions/key_base", "functions/key_join", "resources/dir"}},
		{"functions/key_base", keys, nil, []string{"functions/key_parent", "functions/key_join"}},
	}
}

func userRows() []row {
	return []row{
		{"resources/auth", users, []string{rootLost}, []string{
			"resources/user", "resources/role", "data-sources/auth", "guides/lock-down",
		}},
		{"resources/user", users, []string{neverRead, rootLost, adoptedUser}, []string{
			"resources/user_role", "resources/role", "resources/auth", "actions/change_password", "data-sources/user", "list-resources/user",
			"guides/lock-down", "guides/secrets",
		}},
		{"resources/user_role", users, nil, []string{"resources/user", "resources/role", "data-sources/user", "guides/lock-down"}},
		{"resources/role", users, []string{
			"~> **Overwrites:** With `adopt_existing = true`, creating the role revokes every permission of the existing role that is not in " +
				"the configured `kv_read` and `kv_write`. Users of the role can lose access.",
		}, []string{
			"resources/role_permission", "resources/user", "functions/permits", "data-sources/role", "list-resources/role", "guides/lock-down",
		}},
		{"resources/role_permission", users, nil, []string{"resources/role", "functions/permits", "data-sources/role"}},
		{"data-sources/auth", users, nil, []string{"resources/auth", "guides/lock-down"}},
		{"data-sources/user", users, nil, []string{"resources/user", "data-sources/users", "data-sources/role"}},
		{"data-sources/users", users, nil, []string{"data-sources/user", "list-resources/user", "data-sources/roles"}},
		{"data-sources/role", users, nil, []string{"resources/role", "data-sources/roles", "functions/permits"}},
		{"data-sources/roles", users, nil, []string{"data-sources/role", "list-resources/role", "data-sources/users"}},
		{"list-resources/user", users, nil, []string{"resources/user", "data-sources/users", "list-resources/role", "guides/adopting"}},
		{"list-resources/role", users, nil, []string{"resources/role", "data-sources/roles", "list-resources/user", "guides/adopting"}},
		{"actions/change_password", users, []string{rootLost, notRepeated}, []string{"resources/user", "resources/auth", "guides/secrets"}},
		{"functions/permits", users, nil, []string{"resources/role", "resources/role_permission", "data-sources/role"}},
	}
}

func clusterRows() []row {
	return []row{
		{"resources/member", cluster, []string{
			"~> **Quorum loss:** With `allow_quorum_loss = true`, a change can leave the cluster without a quorum. It then accepts no writes " +
				"until enough processes of its members run, and a cluster that has lost them for good can only be restored from a backup or with " +
				"`--force-new-cluster`.",
			"~> **Final:** Removing a member is final. Its process exits, and its data directory cannot join the cluster again.",
		}, []string{"guides/members", "data-sources/members", "data-sources/health", "list-resources/member"}},
		{"data-sources/cluster", cluster, nil, []string{"data-sources/members", "data-sources/version", "data-sources/health"}},
		{"data-sources/member", cluster, nil, []string{"data-sources/members", "resources/member", "data-sources/leader"}},
		{"data-sources/members", cluster, nil, []string{"data-sources/member", "data-sources/machines", "resources/member"}},
		{"data-sources/leader", cluster, nil, []string{"data-sources/leader_stats", "data-sources/members", "data-sources/health"}},
		{"data-sources/machines", cluster, nil, []string{"data-sources/members", "data-sources/srv_endpoints"}},
		{"data-sources/health", cluster, nil, []string{"data-sources/version", "data-sources/members", "data-sources/leader"}},
		{"data-sources/version", cluster, nil, []string{"data-sources/health", "data-sources/cluster"}},
		{"data-sources/self_stats", cluster, nil, []string{"data-sources/store_stats", "data-sources/leader_stats", "data-sources/leader"}},
		{"data-sources/store_stats", cluster, nil, []string{"data-sources/self_stats", "data-sources/leader_stats"}},
		{"data-sources/leader_stats", cluster, nil, []string{"data-sources/leader", "data-sources/self_stats", "data-sources/store_stats"}},
		{"data-sources/srv_endpoints", cluster, nil, []string{"data-sources/machines", "data-sources/members", "data-sources/health"}},
		{"list-resources/member", cluster, nil, []string{"resources/member", "data-sources/members", "guides/members"}},
	}
}

func leavingRows() []row {
	return []row{
		{"actions/empty", leaving, []string{
			"~> **Deletes everything:** The action deletes keys that Terraform does not manage, no matter who created them. No plan lists " +
				"them, and the deleted values cannot be restored. Copy what you need first, and look at the data source `etcd_inventory`.",
		}, []string{
			"guides/leaving-v2", "data-sources/inventory", "data-sources/store_stats", "actions/copy_to_v3", "actions/delete",
		}},
		{"actions/copy_to_v3", leaving, nil, []string{
			"guides/leaving-v2", "actions/empty", "data-sources/inventory", "functions/v3_permissions", "actions/set",
		}},
		{"data-sources/inventory", leaving, nil, []string{
			"actions/copy_to_v3", "data-sources/keys", "data-sources/users", "data-sources/roles",
			"data-sources/version", "functions/v3_permissions",
		}},
		{"list-resources/key_prefix", leaving, nil, []string{
			"resources/key_prefix", "list-resources/key", "data-sources/inventory", "guides/adopting", "guides/leaving-v2",
		}},
		{"functions/v3_permissions", leaving, nil, []string{
			"data-sources/inventory", "resources/role", "data-sources/roles", "functions/permits",
		}},
	}
}

func guideRows() []row {
	return []row{
		{"guides/adopting", "", nil, []string{
			"list-resources/key", "list-resources/dir", "resources/key_prefix", "guides/from-retryw", "guides/trees",
		}},
		{"guides/conflicts", "", nil, []string{"resources/key", "resources/dir", "ephemeral-resources/lock", "guides/pipelines"}},
		{"guides/from-retryw", "", nil, []string{"resources/key", "resources/user", "resources/role", "guides/adopting"}},
		{"guides/leaving-v2", "", nil, []string{
			"data-sources/inventory", "list-resources/key_prefix", "actions/copy_to_v3", "actions/empty", "functions/v3_permissions",
			"data-sources/store_stats", "guides/adopting",
		}},
		{"guides/lock-down", "", nil, []string{
			"resources/auth", "resources/user", "resources/role", "functions/permits", "guides/secrets",
		}},
		{"guides/members", "", nil, []string{"resources/member", "data-sources/members", "data-sources/health"}},
		{"guides/how-it-is-tested", "", nil, []string{"guides/conflicts", "guides/troubleshooting"}},
		{"guides/pipelines", "", nil, []string{"ephemeral-resources/lock", "data-sources/watch", "actions/wait", "guides/conflicts"}},
		{"guides/secrets", "", nil, []string{"ephemeral-resources/key", "resources/key", "resources/user", "actions/change_password"}},
		{"guides/trees", "", nil, []string{"functions/flatten", "functions/unflatten", "resources/key_prefix", "data-sources/keys"}},
		{"guides/ttl", "", nil, []string{"resources/key", "resources/dir", "resources/key_prefix", "actions/refresh"}},
		{"guides/upgrading", "", nil, []string{"guides/from-retryw", "guides/adopting", "guides/conflicts"}},
	}
}
