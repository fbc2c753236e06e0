package etcdv2

import (
	"context"
	"net/url"
)

// MemberVersion is one member, the version that it runs, and whether it serves
// the v2 API.
type MemberVersion struct {
	Member
	VersionInfo

	// ServesV2 reports whether the member serves the v2 API: one of etcd 3.4 or 3.5
	// that was started without --enable-v2 does not.
	ServesV2 bool
	// Err is why the member did not answer, nil if it did.
	Err error
}

// Versions asks each member for its version, as Health asks for its health. A
// member that does not answer is a row, not an error.
func (s *MembersService) Versions(ctx context.Context) ([]MemberVersion, error) {
	members, err := s.List(ctx)
	if err != nil {
		return nil, err
	}
	return s.versionsOf(ctx, members)
}

func (s *MembersService) versionsOf(ctx context.Context, members []Member) ([]MemberVersion, error) {
	out := make([]MemberVersion, len(members))
	err := s.askEach(ctx, members, func(ctx context.Context, i int, endpoint *url.URL, self *SelfStats, err error) {
		out[i] = MemberVersion{Member: members[i], Err: err}
		if err != nil {
			return
		}
		r := versionRequest()
		r.endpoint, r.single, r.needs = endpoint, true, proofOfCluster
		out[i].ServesV2 = !self.StartTime.IsZero()
		out[i].VersionInfo, out[i].Err = s.client.version(ctx, r)
	})
	return out, err
}
