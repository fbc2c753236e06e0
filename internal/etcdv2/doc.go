// Package etcdv2 is a client for the v2 API of etcd 2.1 to 3.5, see
// https://etcd.io/docs/v2.3/api/. One [Client] serves a cluster and is safe for
// concurrent use; its services are the parts of the API.
//
// # Errors
//
// An answer outside 2xx is an [*Error], which keeps the status, the code, the
// message, the cause and the index, whatever the body was. Branch with
// [errors.Is] on its kind:
//
//	ErrNotFound           key: code 100, or 104 (an ancestor is a key); user, role, member: status 404
//	ErrCompareFailed      code 101
//	ErrNotFile            code 102
//	ErrNotDir             code 104
//	ErrExists             code 105; user, role or peer URL: status 409
//	ErrAuthEnabled        status 409 of enabling authentication
//	ErrAuthDisabled       status 409 of disabling it
//	ErrNoRootUser         status 409 of enabling it without the user root
//	ErrGranted            status 409 of granting what was granted
//	ErrNotGranted         status 409 or 400 of revoking what is not
//	ErrDirNotEmpty        code 108
//	ErrUnauthorized       code 110, status 401
//	ErrEventIndexCleared  code 401
//	ErrForbidden          status 403 of the auth API
//	ErrMemberRemoved      status 410
//	ErrNoLeader           status 503 to a request for the leader
//	ErrUnhealthy          prompt status 500 to a change of the members
//	ErrDanglingRole       status 404 of a user, naming a role
//	ErrV2Disabled         status 404 in plain text
//	ErrReadOnly           status 501 to a write
//	ErrDirUpdate          code 300 of etcd 3.5 to an update or a refresh of a directory
//
// What the client finds itself is ErrUnavailable (no endpoint answered; an
// [*EndpointsError] names each and why), ErrOutcomeUnknown (a write whose answer
// was lost), ErrWatchTimeout, ErrInvalidAnswer, ErrClusterMismatch,
// ErrTooManyRedirects, ErrUnsafeRedirect, ErrDirUpdate, ErrOverwritten and
// ErrUnsupported, and, before any request, ErrInvalidKey, ErrInvalidValue,
// ErrInvalidTTL, ErrInvalidCondition, ErrTooLarge, ErrInvalidName,
// ErrInvalidPassword, ErrInvalidPattern, ErrInvalidUpdate and ErrInvalidMember.
// A lock that another holder has is ErrLockHeld, and one that was lost is
// ErrLockLost.
//
// To the error with which a request ends, an [*ExplainedError] adds its causes, as
// far as the client can find them out, for [errors.Is] and [errors.AsType]:
//
//	ErrServerSpeaksTLS     http:// in the endpoint, and TLS at the server
//	ErrServerSpeaksPlain   the reverse
//	ErrUnknownAuthority    of the server's certificate
//	ErrServerName          the server's certificate is for other names
//	ErrServerCert          the server's certificate is not valid
//	ErrCertRequired        the client has no certificate
//	ErrCertRefused         the client's certificate is not accepted
//	ErrUnknownHost         the host name cannot be resolved
//	ErrConnectionRefused   nothing listens at the port
//	ErrTimeout             no answer in time
//	ErrGRPCOnly            the answer is HTTP/2
//	ErrPeerPort            an answer 404 of a port for the members
//	ErrV2Removed           an answer 404 of etcd 3.6 or newer
//	ErrWrongPath           an answer 404, and an etcd at the root of the endpoint
//	ErrNotEtcd             an answer 404, and no etcd
//	ErrPage                an HTML page, whatever the status
//	ErrNoCredentials       an answer 401 without Options.Username
//	ErrWrongPassword       an answer 401 to the user root
//	ErrNotPermitted        an answer 401 after the credentials were accepted
//
// No error's text contains a value, a password or a header, apart from the owner of
// a lock, which is stored to be reported.
//
// # Replays
//
// A request is sent again, after a delay and on the next endpoint, as this
// table says. A connection that cannot be made is tried on every endpoint
// before it counts as an attempt. Where a request has spent all its attempts on
// that, others make only one for as long as RetryPolicy.MaxDelay, or until one
// is answered.
//
//	what happened                          read    guarded   other write
//	no connection was made                 again   again     again
//	the server is not ready yet            again   again     again
//	certificate refused, wrong cluster     error   error     error
//	connection lost after the request      again   again     unknown
//	no answer in time                      again   again     unknown
//	500 of the key space, 502 and above    again   again     unknown
//	500 of the auth or members API, late   again   again     unknown
//	500 of the auth or members API, prompt again   error     error
//	501                                    again   error     error
//	a redirect that is not followed        error   error     error
//	an answer that cannot be read          error   unknown   unknown
//	any other answer                       error   error     error
//
// An endpoint that is not a server of the v2 API is passed over: one that answers 404
// in plain text, as a member without --enable-v2 does, or with a page of a gateway
// (status 200, 401, 403, 404 or 410), and for a write one that answers 501, as a
// read-only proxy does. The request is sent to the next endpoint at once, and such
// an endpoint is asked last from then on. If no endpoint takes the request, the
// error lists each with its reason. A write that must not be sent twice is not sent
// to an endpoint that has yet to prove that it serves the v2 API while there are
// others: it is asked first.
//
// A guarded write has prevIndex or prevExist=false. An index never recurs, so
// a write with one applies at most once, however often it is sent. A create that is
// sent again can apply again if somebody deletes the key between its attempts. Where
// code 100, 101 or 105 follows an attempt that may have been applied, a quorum read
// settles it:
//
//   - The node has our value and, like us, a TTL or none, and is newer than an
//     index seen before the first attempt: success. A key that is gone is success
//     for a delete.
//   - The node is unchanged: the write is sent again. An attempt that timed out
//     can still be applied later, so this is never reported as "not applied".
//   - Otherwise the conflict is reported: the key has what somebody else wrote,
//     whether or not that was over a write of ours.
//
// The creation of a user or a role is a guarded write too, because the server
// refuses one that exists. It is settled by a read of the user, which bears a
// mark of its creation, or of the role. Other changes of users and roles, and of
// the switch of authentication, are not sent again; after a lost answer a read
// that shows the roles, the permissions or the switch as asked is success.
//
// Unknown is ErrOutcomeUnknown, and also what a guarded write ends with when
// its attempts are spent, or its context ends, and one of them may have been
// applied. With Options.SettleTime one more read, which outlives the context,
// settles it by the same rules: success, or a conflict, and only an unchanged
// node leaves it unknown. So does a key that is not there after a create, and
// a directory that is gone counts as deleted. prevExist=true and prevValue alone
// do not guard: a value can come back, and the write with it.
package etcdv2
