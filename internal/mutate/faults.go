package main

// faults remove each feature of COVERAGE.md that can be removed, and the checks that keep
// its writes safe.
var faults = []fault{
	// A. Client, transport, endpoints.
	{"A1", "etcdv2/client.go", `if err := o.validate(); err != nil {`, `if err := o.validate(); err != nil && false {`},
	{"A2", "etcdv2/attempts.go", `a.targets = a.leastFailed(c.endpoints.order())`, `a.targets = a.leastFailed(c.endpoints.order())[:1]`},
	{"A3", "etcdv2/client.go", `o.Endpoints = []string{DefaultEndpoint}`, `o.Endpoints = nil`},
	{"A5", "etcdv2/endpoint_url.go", `case u.Scheme != "http" && u.Scheme != "https":`, `case u.Scheme != "http":`},
	{"A6", "etcdv2/transport.go", `o.TLS,`, `func() *tls.Config {
			c := o.TLS.Clone()
			if c != nil {
				c.RootCAs = nil
			}
			return c
		}(),`},
	{"A7", "etcdv2/transport.go", `o.TLS,`, `func() *tls.Config {
			c := o.TLS.Clone()
			if c != nil {
				c.Certificates = nil
			}
			return c
		}(),`},
	{"A8", "etcdv2/transport.go", `o.TLS,`, `func() *tls.Config {
			c := o.TLS.Clone()
			if c != nil {
				c.InsecureSkipVerify = false
			}
			return c
		}(),`},
	{"A9", "etcdv2/transport.go", `req.SetBasicAuth(c.options.Username, *c.password.Load())`, `_ = req`},
	{"A9", "etcdv2/transport.go", `c.endpoints.trusts(target) {`, `true {`},
	{"A10", "etcdv2/client.go", `if o.Transport == nil {`, `if true {`},
	{"A11", "etcdv2/transport.go", `return http.ProxyFromEnvironment`, `return nil`},
	{"A11", "etcdv2/transport.go", `u, err := url.Parse(o.ProxyURL)`, `u, err := (*url.URL)(nil), error(nil)`},
	{"A12", "etcdv2/transport.go", `MaxIdleConnsPerHost: o.MaxConnections,`, ``},
	{"A12", "etcdv2/transport.go", `MaxConnsPerHost:     limit,`, ``},
	{"A13", "etcdv2/replay.go", `case outcomeNotSent, outcomeNotReady:
		return true`, `case outcomeNotSent, outcomeNotReady:
		return r == replayRead`},
	{"A13", "etcdv2/replay.go", `case err.isForeign(r):`, `case false:`},
	{"A13", "etcdv2/replay.go", `case err.isNotReady():`, `case false:`},
	{"A13", "etcdv2/admit.go", `if r.replay != replayNever || r.endpoint != nil || c.endpoints.isServed(endpoint) {`, `if true {`},
	{"A13", "etcdv2/request.go", `return outcomePassedOn`, `return outcomeUnreadable`},
	{"A13", "etcdv2/request.go", `return outcomeUnreadable`, `return outcomeElsewhere`},
	{"A13", "etcdv2/replay.go", `return o == outcomeAmbiguous || o == outcomePassedOn || `, `return o == outcomeAmbiguous || `},
	{"A13", "etcdv2/error_endpoints.go", `if !e.areAnswers() {`, `if true {`},
	{"A13", "etcdv2/endpoints.go", `delete(s.served, endpoint)`, ``},
	{"A13", "etcdv2/replay.go", `return r == replayRead || r == replayGuarded`, `return r == replayRead`},
	{"A13", "etcdv2/replay.go", `return r == replayRead || r == replayGuarded`, `return true`},
	{"A13", "etcdv2/settle.go", `w.unreadable || n.HasTTL() != w.ttl:`, `w.unreadable:`},
	{"A13", "etcdv2/settle.go", `|| !w.unguarded && !w.isNewer(n) {`, `{`},
	{"A13", "etcdv2/settle.go", `return !n.Dir && !n.NotText && n.Value == *w.value`, `return true`},
	{"A13", "etcdv2/settle.go", `|| s.client.options.SettleTime == 0 ||`, `|| true ||`},
	{"A13", "etcdv2/settle.go", `context.WithoutCancel(ctx), c.options.SettleTime`, `ctx, c.options.SettleTime`},
	{"A13", "etcdv2/settle.go", `case w.unreadable && w.ours == nil && w.isNewer(found.keys.Node):`, `case false:`},
	{"A14", "etcdv2/endpoints.go", `s.move(endpoint, true)`, ``},
	{"A15", "etcdv2/endpoints.go", `if s.selection == SelectRandom {`, `if false {`},
	{"A16", "etcdv2/leader.go", `if s.selection != SelectLeader {`, `if true {`},
	{"A17", "etcdv2/sync.go", `c.endpoints.adopt(found)`, ``},
	{"A18", "etcdv2/sync.go", `err := c.Sync(ctx)`, `var err error`},
	{"A19", "etcdv2/endpoints.go", `return c.endpoints.strings()`, `return nil`},
	{"A20", "etcdv2/endpoints.go", `if err := c.endpoints.configure(endpoints); err != nil {`, `if err := error(nil); err != nil {`},
	{"A21", "etcdv2/sync.go", `if c.options.DiscoverySRV != "" && !c.prepared.resolved {`, `if false {`},
	{"A21", "etcdv2/discover.go", `if len(secure) > 0 {`, `if false {`},
	{"A21", "etcdv2/discover.go", `if err := checkTargets(secure, domain, o); err != nil {`, `if false {`},
	{"A22", "etcdv2/sync.go", `if !c.options.DiscoverMembers {`, `if false {`},
	{"A23", "etcdv2/redirect.go", `if !isRedirect(resp) {`, `if true {`},
	{"A23", "etcdv2/redirect.go", `if r.containsSecrets() && !c.mayCarry(from, to) {`, `if false {`},
	{"A23", "etcdv2/request.go", `r.json != nil || r.form != nil || r.query.Has("prevValue")`, `r.json != nil`},
	{"A23", "etcdv2/redirect.go", `if from.Scheme == "https" && to.Scheme == "http" {`, `if false {`},
	{"A24", "etcdv2/client.go", `setDefault(&o.MaxRedirects, 10)`, `o.MaxRedirects = 10`},
	{"A25", "etcdv2/transport.go", `if limit == 0 || r.stream {`, `if true {`},
	{
		"A26", "etcdv2/transport.go", `context.WithTimeoutCause(ctx, c.options.RequestTimeout, c.timedOut)`,
		`context.WithTimeoutCause(ctx, time.Hour, c.timedOut)`,
	},
	{
		"A26", "etcdv2/transport.go", `"User-Agent": c.userAgent}}).WithContext(ctx)`,
		`"User-Agent": c.userAgent}}).WithContext(context.WithoutCancel(ctx))`,
	},
	{
		"A27", "etcdv2/attempts.go", `c.options.Wait(ctx, time.Duration(half+half*c.options.Jitter()))`,
		`c.options.Wait(ctx, time.Duration(half))`,
	},
	{"A27", "etcdv2/attempts.go", `if n < 32 && p.MinDelay<<(n-1) < p.MaxDelay {`, `if false {`},
	{"A28", "etcdv2/request.go", `strings.TrimSuffix(endpoint.EscapedPath(), "/") + r.path`, `r.path`},
	{
		"A28", "etcdv2/endpoint_url.go", `func location(u *url.URL) string { return origin(u) + strings.TrimRight(u.EscapedPath(), "/") }`,
		`func location(u *url.URL) string { return origin(u) }`,
	},
	{"A28", "etcdv2/endpoint_url.go", `case containsAPIPath(u.Path):`, `case false:`},
	{"A29", "etcdv2/keys.go", `escapeKey(s.prefix+strings.TrimSuffix(key, "/"))`, `escapeKey(strings.TrimSuffix(key, "/"))`},
	{"A29", "etcdv2/keys.go", `n.Key = s.strip(n.Key)`, ``},
	{"A29", "etcdv2/path.go", `case ".", "..":`, `case ".":`},
	{"A30", "etcdv2/keys_write.go", `ttl = &s.defaultTTL`, `ttl = nil`},
	{"A31", "etcdv2/admit.go", `if want == "" || id == "" ||`, `if true || want == "" || id == "" ||`},
	{"A31", "etcdv2/admit.go", `if c.options.ExpectedClusterID == "" || c.endpoints.verified(endpoint) {`, `if true {`},
	{"A32", "etcdv2/trace.go", `parts = append(parts, "-u", quote(masked+":"+masked))`, `_ = parts`},
	{"A32", "etcdv2/trace.go", `v.Set(name, masked)`, `_ = masked`},
	{"A32", "etcdv2/trace.go", `e.Body = maskPasswords(r.json)`, `e.Body = string(r.json)`},
	{"A33", "etcdv2/trace.go", `c.options.Trace(e)`, `_ = e`},
	{"A33", "etcdv2/trace.go", `v.Set(name, masked)`, `_ = masked`},
	{"A35", "keyedlock/keyedlock.go", `found := l.locks[key]`, `var found *lock`},

	// B. Reads.
	{"B1", "etcdv2/keys.go", `r := s.request(http.MethodGet, key, opts.Recursive)`, `r := s.request(http.MethodDelete, key, opts.Recursive)`},
	{"B1", "etcdv2/decode.go", `n.NotText, err = readText(dec, &n.Value)`, `_, err = readText(dec, &n.Value)`},
	{"B1", "etcdv2/decode.go", `n.KeyNotText, err = readText(dec, &n.Key)`, `_, err = readText(dec, &n.Key)`},
	{"B2", "etcdv2/keys.go", `{opts.Recursive, "recursive=true"}, `, ``},
	{"B3", "etcdv2/keys.go", `, {opts.Sorted, "sorted=true"}`, ``},
	{"B3", "etcdv2/keys.go", `opts.Sorted = true`, ``},
	{
		"B3", "etcdv2/node.go", `slices.SortFunc(nodes, func(a, b *Node) int { return strings.Compare(a.Key, b.Key) })`,
		`_ = slices.Clone(nodes)`,
	},
	{"B4", "etcdv2/keys.go", `{quorum, "quorum=true"}, `, ``},
	{"B4", "etcdv2/keys.go", `!opts.NotLinearizable && !s.client.options.NotLinearizable`, `!s.client.options.NotLinearizable`},
	{"B6", "etcdv2/keys.go", `opts.Sorted = true`, `opts.Sorted, opts.Recursive = true, true`},
	{"B7", "etcdv2/keys.go", `if !resp.Node.Dir {`, `if false {`},
	{"B7", "etcdv2/decode.go", `err = json.UnmarshalDecode(dec, &n.Dir)`, `err = dec.SkipValue()`},
	{"B8", "etcdv2/node.go", `return yield(n)`, `return true`},
	{"B9", "etcdv2/keys.go", `if errors.Is(err, ErrNotFound) {
		return false, nil`, `if false {
		return false, nil`},

	// C. Writes.
	{"C1", "etcdv2/keys_write.go", `form.Set("value", *value)`, `form.Set("value", "")`},
	{"C1", "etcdv2/keys_write.go", `if err := CheckValue(*value); err != nil {`, `if err := CheckValue(""); err != nil {`},
	{"C2", "etcdv2/keys_write.go", `form.Set("ttl", strconv.FormatInt(*ttl, 10))`, ``},
	{"C2", "etcdv2/keys_write.go", `if ttl < 1 || ttl > MaxTTL {`, `if false {`},
	{"C3", "etcdv2/keys_write.go", `w.form.Set("prevExist", "false")`, ``},
	{"C4", "etcdv2/keys_write.go", `w.form.Set("prevExist", "true")
	return s.response(s.client.do(ctx, w.request))
}

// Set `, `return s.response(s.client.do(ctx, w.request))
}

// Set `},
	{"C5", "etcdv2/keys_write.go", `v.Set("prevValue", c.Value)`, ``},
	{"C6", "etcdv2/keys_write.go", `v.Set("prevIndex", strconv.FormatUint(c.Index, 10))`, ``},
	{"C7", "etcdv2/keys_write.go", `if c.Value != "" {`, `if c.Value != "" && c.Index == 0 {`},
	{"C8", "etcdv2/keys_write.go", `if c.Index == 0 && c.Value == "" {`, `if false {`},
	{"C9", "etcdv2/keys_write.go", `r := s.request(http.MethodPost, dir, false)`, `r := s.request(http.MethodPut, dir, false)`},
	{"C10", "etcdv2/refresh.go", `w.form.Set("refresh", "true")`, ``},
	{"C10", "etcdv2/refresh.go", `if verdict.support < r.refresh {`, `if false {`},
	{"C10", "etcdv2/refresh.go", `case isAtLeast(version, "2.3.7"):`, `case isAtLeast(version, "2.3.0"):`},
	{
		"C10", "etcdv2/refresh.go", `refreshSupportOf(version.Server), refreshReason(version.Server), `,
		`refreshSupportOf(version.Cluster), refreshReason(version.Server), `,
	},
	{
		"C10", "etcdv2/refresh.go", `if support := refreshSupportOf(other.Server); support < verdict.support {`,
		`if support := refreshSupportOf(other.Server); false {`,
	},
	{"C10", "etcdv2/refresh.go", `support: min(verdict.support, refreshSupportOf(version.Cluster)),`, `support: verdict.support,`},
	{"C10", "etcdv2/refresh.go", `return v.lasting || v.support == refreshNone`, `return true`},
	{"C10", "etcdv2/refresh.go", `if isVersion(version.Cluster) && refreshSupportOf(version.Cluster) == refreshNone {`, `if false {`},
	{"C10", "etcdv2/refresh.go", `if support == refreshGuarded {`, `if false {`},
	{"C10", "etcdv2/endpoints.go", `delete(s.refreshes, location(endpoint))`, ``},
	{"C11", "etcdv2/refresh.go", `opts := WriteOptions{TTL: ttl, NoTTL: ttl == nil}`, `opts := WriteOptions{}`},
	{"C11", "etcdv2/refresh.go", `return s.CompareAndSwap(ctx, n.Key, n.Value, cond, opts)`, `return s.Set(ctx, n.Key, n.Value, opts)`},
	{"C11", "etcdv2/refresh.go", `if n.NotText {`, `if false {`},
	{"C12", "etcdv2/refresh.go", `if current.Node.Dir {`, `if ttl == nil {
		return current, nil
	}
	if current.Node.Dir {`},
	{"C13", "etcdv2/decode.go", `err = readIndexField(dec, &n.ModifiedIndex)`, `err = dec.SkipValue()`},
	{"C14", "etcdv2/keys_write.go", `r.query = url.Values{"noValueOnSuccess": {"true"}}`, ``},
	{"C15", "etcdv2/node.go", `json.Unmarshal([]byte(n.Value), v)`, `json.Unmarshal([]byte("null"), v)`},
	{"C16", "etcdv2/node.go", `return string(data), err`, `return fmt.Sprintf("%q", data), err`},

	// D. Delete.
	{
		"D1", "etcdv2/keys_write.go", `return s.response(s.client.do(ctx, s.request(http.MethodDelete, key, false)))`,
		`return s.response(s.client.do(ctx, s.request(http.MethodGet, key, false)))`,
	},
	{"D2", "etcdv2/keys_write.go", `cond.addTo(r.query)`, `Condition{Index: cond.Index}.addTo(r.query)`},
	{"D3", "etcdv2/keys_write.go", `cond.addTo(r.query)`, `Condition{Value: cond.Value}.addTo(r.query)`},
	{"D4", "etcdv2/keys_write.go", `cond.addTo(r.query)`, `if cond.Index != 0 {
		cond.Value = ""
	}
	cond.addTo(r.query)`},
	{"D5", "etcdv2/keys.go", "PrevNode *Node `json:\"prevNode\"`", "PrevNode *Node `json:\"-\"`"},

	// E. Directories.
	{"E2", "etcdv2/keys_write.go", `form.Set("dir", "true")`, ``},
	{"E3", "etcdv2/keys_write.go", `form.Set("dir", "true")`, `form.Set("dir", "true")
		ttl = nil`},
	{"E4", "etcdv2/keys_dir.go", `w.form.Set("prevExist", "true")`, ``},
	{"E4", "etcdv2/keys_dir.go", `if err := s.requireDir(ctx, path, false); err != nil {`, `if err := error(nil); err != nil {`},
	{"E4", "etcdv2/error_answer.go", `if e.isDirUpdate() {`, `if false {`},
	{"E5", "etcdv2/keys_dir.go", `r.query = url.Values{"dir": {"true"}}`, `r.query = url.Values{}`},
	{"E5", "etcdv2/keys_dir.go", `	if !errors.Is(err, ErrUnauthorized) {
		return err
	}
	probe`, `	if true {
		return err
	}
	probe`},
	{"E5", "etcdv2/keys_dir.go", `case errors.Is(err, ErrCompareFailed):
		return fmt.Errorf("%s: %w", path, ErrNotDir)`, `case errors.Is(err, ErrCompareFailed):
		_ = fmt.Sprint(path)
		return nil`},
	{"E6", "etcdv2/keys_dir.go", `setTrue(r.query, "recursive", opts.Recursive)
	return s.response(s.client.do(ctx, s.settled(`, `return s.response(s.client.do(ctx, s.settled(`},

	// F. Watch.
	{"F1", "etcdv2/watch.go", `r.query = url.Values{"wait": {"true"}}`, `r.query = url.Values{}`},
	{"F2", "etcdv2/watch.go", `setTrue(r.query, "recursive", w.opts.Recursive)`, ``},
	{"F2", "etcdv2/watch.go", `return w.opts.Recursive && !strings.Contains("/"+below, "/_")`, `return w.opts.Recursive && below != ""`},
	{"F3", "etcdv2/watch.go", `w.index = opts.AfterIndex + 1`, `w.index = 0`},
	{"F4", "etcdv2/watch.go", `ctx, cancel = context.WithTimeout(parent, w.opts.Timeout)`, `ctx, cancel = context.WithCancel(parent)`},
	{"F5", "etcdv2/watch.go", `case parent.Err() != nil:`, `case false:`},
	{"F6", "etcdv2/watch.go", `if !yield(event, nil) || (opts.Until != nil && opts.Until(event)) {`, `if yield(event, nil); true {`},
	{"F7", "etcdv2/watch.go", `if err != nil || opts.Until == nil || opts.Until(event) {`, `if true {`},
	{"F8", "etcdv2/watch.go", `return w.connected`, `return false`},
	{"F8", "etcdv2/watch.go", `w.index = ans.EtcdIndex + 1`, `_ = ans`},
	{"F9", "etcdv2/watch.go", `case errors.Is(err, ErrEventIndexCleared):`, `case false:`},
	{"F10", "etcdv2/watch.go", `return w.connected`, `return false`},

	// G. Cluster.
	{"G1", "etcdv2/cluster.go", `machines = append(machines, machine)`, `_ = machine`},
	{"G3", "etcdv2/members.go", `if err := readList("members", members, func(m Member) string { return m.ID })(ans); err != nil {
			return err
		}`, `if err := readList("members", members, func(m Member) string { return m.ID })(ans); err != nil {
			return err
		}
		*members = (*members)[:1]`},
	{"G3", "etcdv2/linearizable.go", `err == nil || !isPassing(err) {`, `true {`},
	{"G4", "etcdv2/members_change.go", `map[string][]string{"peerURLs": peerURLs}`, `map[string][]string{"peerURLs": peerURLs[:1]}`},
	{
		"G5", "etcdv2/members_change.go", `&request{method: http.MethodDelete, path: "/v2/members/" + id, `,
		`&request{method: http.MethodGet, path: "/v2/members/" + id, `,
	},
	{"G6", "etcdv2/members_change.go", `memberChange(http.MethodPut, "/"+id, peerURLs)`, `memberChange(http.MethodGet, "/"+id, peerURLs)`},
	{"G7", "etcdv2/members.go", `path: "/v2/members/leader"`, `path: "/v2/members"`},
	{"G8", "etcdv2/stats.go", "Latency LatencyStats `json:\"latency\"`", "Latency LatencyStats `json:\"-\"`"},
	{"G8", "etcdv2/stats.go", "Counts  CountStats   `json:\"counts\"`", "Counts  CountStats   `json:\"-\"`"},
	{"G8", "etcdv2/stats.go", "Leader string `json:\"leader\"`", "Leader string `json:\"-\"`"},
	{"G9", "etcdv2/stats.go", "RecvAppendRequests uint64 `json:\"recvAppendRequestCnt\"`", "RecvAppendRequests uint64 `json:\"-\"`"},
	{"G9", "etcdv2/stats.go", "SendPackageRate   float64 `json:\"sendPkgRate\"`", "SendPackageRate   float64 `json:\"-\"`"},
	{"G9", "etcdv2/stats.go", `i.Uptime = uptime`, `_ = uptime`},
	{"G10", "etcdv2/stats.go", "CreateFail              uint64 `json:\"createFail\"`", "CreateFail              uint64 `json:\"-\"`"},
	{"G10", "etcdv2/stats.go", `s.Watchers = *s.Known`, `_ = s.Known`},
	{"G11", "etcdv2/health.go", "Server string `json:\"etcdserver\"`", "Server string `json:\"-\"`"},
	{"G11", "etcdv2/health.go", "Cluster string `json:\"etcdcluster\"`", "Cluster string `json:\"-\"`"},
	{"G12", "etcdv2/health.go", `Healthy: body.Health == "true"`, `Healthy: true`},

	// H. Authentication.
	{"H1", "etcdv2/auth.go", `return err == nil && *body.Enabled, err`, `return false, err`},
	{"H2", "etcdv2/auth.go", `return s.set(ctx, http.MethodPut, true)`, `return nil`},
	{"H2", "etcdv2/auth.go", `return s.set(ctx, http.MethodDelete, false)`, `return nil`},
	{"H3", "etcdv2/auth.go", `if errors.Is(err, already) {`, `if false {`},
	{"H4", "etcdv2/users.go", `users = append(users, user)`, `users = append(users, &User{Unread: user == nil})`},
	{"H5", "etcdv2/users.go", `return body.user(), nil`, `return &User{Name: name}, nil`},
	{"H5", "etcdv2/error_answer.go", `case isUser && strings.HasPrefix(message, missingRolePrefix):`, `case false:`},
	{"H6", "etcdv2/users_create.go", `Roles: append([]string{marker}, roles...)`, `Roles: roles`},
	{"H6", "etcdv2/users_create.go", `r.settle = s.object(name).settleCreate(`, `_ = (`},
	{"H7", "etcdv2/users_create.go", `Roles: append([]string{marker}, roles...)`, `Roles: []string{marker}`},
	{"H8", "etcdv2/users_change.go", `return s.client.deleteAuth(ctx, userPath(name))`, `return nil`},
	{"H9", "etcdv2/users_change.go", `User: name, Password: update.Password,`, `User: name,`},
	{"H10", "etcdv2/users_change.go", `Grant: normalized(update.Grant),`, ``},
	{"H10", "etcdv2/users_change.go", `, Revoke: normalized(update.Revoke),`, `,`},
	{"H10", "etcdv2/auth_change.go", `case unknown && err != nil:`, `case unknown:`},
	{"H11", "etcdv2/roles.go", `roles = append(roles, role)`, `_ = role`},
	{"H12", "etcdv2/roles.go", `return body.role(), nil`, `return &Role{Name: name}, nil`},
	{"H13", "etcdv2/roles.go", `roleBody{Role: name, Permissions: &`, `roleBody{Role: name, Grant: &`},
	{"H13", "etcdv2/roles.go", `r.settle = s.object(name).settleCreate(isOurs)`, ``},
	{"H14", "etcdv2/roles.go", `Permissions: &rolePermissions{KV: permissions}`, `Permissions: &rolePermissions{}`},
	{"H15", "etcdv2/roles.go", `return s.client.deleteAuth(ctx, rolePath(name))`, `return nil`},
	{"H16", "etcdv2/roles.go", `Grant:  &rolePermissions{KV: update.Grant.normalized()},`, ``},
	{"H16", "etcdv2/roles.go", `Revoke: &rolePermissions{KV: update.Revoke.normalized()},`, ``},
	{
		"H17", "etcdv2/users_change.go", `if update.From != nil && !slices.Equal(user.Held(), normalized(update.From)) {`, `if _ = user; false {`,
	},
	{"H17", "etcdv2/roles.go", `if !isFrom(role.Read, from.Read) || !isFrom(role.Write, from.Write) {`, `if _ = role; false {`},
	{"H18", "etcdv2/users.go", `u.nameOnly = true`, ``},
	{"H18", "etcdv2/users.go", `user.Granted = append(user.Granted, *role.role())`, ``},
	{"H18", "etcdv2/roles.go", `if answers[i].nameOnly {`, `if false {`},

	// I. Answers and errors.
	{"I1", "etcdv2/answer.go", `readIndex(h, "X-Etcd-Index", &m.EtcdIndex),`, `readIndex(h, "X-Raft-Index", &m.EtcdIndex),`},
	{"I2", "etcdv2/answer.go", `readIndex(h, "X-Raft-Index", &m.RaftIndex),`, `readIndex(h, "X-Etcd-Index", &m.RaftIndex),`},
	{"I2", "etcdv2/answer.go", `readIndex(h, "X-Raft-Term", &m.RaftTerm),`, `readIndex(h, "X-Raft-Index", &m.RaftTerm),`},
	{"I3", "etcdv2/answer.go", `Meta{ClusterID: h.Get("X-Etcd-Cluster-Id")}`, `Meta{ClusterID: h.Get("Content-Type")}`},
	{"I4", "etcdv2/keys.go", " Action `json:\"action\"`", " Action `json:\"-\"`"},
	{"I4", "etcdv2/keys.go", "	Node *Node `json:\"node\"`", "	Node *Node `json:\"-\"`"},
	{"I5", "etcdv2/decode.go", `err = readIndexField(dec, &n.CreatedIndex)`, `err = dec.SkipValue()`},
	{"I5", "etcdv2/decode.go", `err = json.UnmarshalDecode(dec, &n.Nodes)`, `err = dec.SkipValue()`},
	{"I6", "etcdv2/decode.go", `err = json.UnmarshalDecode(dec, &n.TTL)`, `err = dec.SkipValue()`},
	{"I6", "etcdv2/decode.go", `err = json.UnmarshalDecode(dec, &n.Expiration)`, `err = dec.SkipValue()`},
	{"I7", "etcdv2/keys.go", `ans.Meta, ans.status == http.StatusCreated`, `ans.Meta, false`},
	{"I8", "etcdv2/error_answer.go", `e.Code, e.Cause = body.Code, body.Cause`, `e.Code = body.Code`},
	{"I8", "etcdv2/error_answer.go", `e.Cause != "" && e.causeIsKey()`, `e.Cause != ""`},
	{"I9", "etcdv2/errors.go", `Code = 108`, `Code = 109`},
	{"I10", "etcdv2/error_answer.go", `CodeNotFile:           ErrNotFile,`, ``},
	{"I10", "etcdv2/error_answer.go", `if target == ErrNotFound && e.Code == CodeNotDir {`, `if false {`},
	{"I11", "etcdv2/attempts.go", `a.passed = a.passed.add(endpoint, err)`, `a.passed = new(EndpointsError).add(endpoint, err)`},
	{"I12", "etcdv2/error_endpoints.go", `errs = append(errs, ErrUnavailable)`, `_ = errs`},
	{"I12", "etcdv2/auth.go", `readNothing(http.StatusOK)`, `nil`},
	{"I12", "etcdv2/auth_change.go", `readNothing(http.StatusOK)`, `nil`},
	{"I12", "etcdv2/answer.go", `if a.status != status || len(a.data) != 0 {`, `if false {`},
	{"I12", "etcdv2/answer.go", `if fault := check(&body); fault != "" {`, `if fault := check(&body); false {`},
	{"I12", "etcdv2/cluster.go", `if u, err := url.Parse(machine); err != nil ||`, `if u, err := url.Parse(machine); false && err != nil ||`},
	{"I12", "etcdv2/answer.go", `int(min(resp.ContentLength, maxPresized))`, `int(resp.ContentLength)`},
	{"I12", "etcdv2/decode.go", `return nil, source.err`, `return nil, invalidJSON(err)`},
	{"I13", "etcdv2/node.go", `child.print(b, indent+"  ")`, `_ = child`},

	// J. Recipes and tools.
	{"J1", "etcdv2/keylock.go", `case found.Node.Dir || found.Node.Value != lock.value():`, `case found.Node.Dir:`},
	{"J1", "etcdv2/keylock.go", `lock.renewed(resp.Node, start)
		}`, `_, _ = resp, start
		}`},
	{"J1", "etcdv2/keylock.go", `if err != nil && a.sent {`, `if false {`},
	{
		"J1", "etcdv2/keylock.go", `_, err := s.CompareAndDelete(ctx, lock.Key, Condition{Index: lock.ModifiedIndex})`,
		`_, err := s.Delete(ctx, lock.Key)`,
	},
	{"J1", "etcdv2/keylock.go", `if !a.waits {`, `if false {`},
	{"J1", "etcdv2/keylock.go", `e.Owner, e.Since = LockOwner(a.other)`, ``},
	{"J1", "etcdv2/keylock.go", `err != nil && !known && ctx.Err() != nil && a.other != nil {`, `!known && false {`},
	{"J1", "etcdv2/keylock.go", `s.CompareAndSwap(ctx, lock.Key, lock.value(), cond,`, `s.CompareAndSwap(ctx, lock.Key, lock.Token, cond,`},
	{"J1", "etcdv2/keylock_keeper.go", `next = third
`, `next = 4 * third
`},
	{"J1", "etcdv2/keylock_keeper.go", `case errors.Is(err, ErrLockLost):
			return err`, `case false:
			return err`},
	{"J1", "etcdv2/keylock_keeper.go", `case left <= 0:`, `case false:`},
	{"J1", "etcdv2/keylock_keeper.go", `if errors.Is(k.err, ErrLockLost) {`, `if false {`},
	{"J3", "etcdtest/binary.go", `path := filepath.Join(dir, "bin", name)`, `path := filepath.Join(dir, name)`},
	{"J4", "etcdtest/cluster.go", `for i := range n {`, `for i := range min(n, 1) {`},
	{"J5", "etcdtest/certs.go", `OtherCA: newAuthority(tb, "etcdtest other CA"),`, `OtherCA: ca,`},
}
