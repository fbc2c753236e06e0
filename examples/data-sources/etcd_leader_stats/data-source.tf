data "etcd_leader_stats" "now" {}

# Slow followers, with their average round trip in milliseconds.
output "slow_followers" {
  value = { for f in data.etcd_leader_stats.now.followers : f.id => f.latency_average if f.latency_average > 100 }
}
