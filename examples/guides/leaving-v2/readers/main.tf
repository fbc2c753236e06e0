data "etcd_machines" "all" {}

# Each server counts the reads that it receives itself.
data "etcd_store_stats" "now" {
  for_each = toset(data.etcd_machines.all.machines)
  endpoint = each.key
}

locals {
  now = {
    for endpoint, stats in data.etcd_store_stats.now : endpoint => {
      reads = stats.gets_success + stats.gets_fail
      writes = (
        stats.sets_success + stats.create_success + stats.update_success + stats.compare_and_swap_success +
        stats.delete_success + stats.compare_and_delete_success
      )
    }
  }
}

# The first reading. To begin again: terraform apply -replace=terraform_data.first
resource "terraform_data" "first" {
  input = local.now

  lifecycle {
    ignore_changes = [input]
  }
}

output "since_first_reading" {
  value = {
    for endpoint, count in local.now : endpoint => {
      reads    = count.reads - terraform_data.first.output[endpoint].reads
      writes   = count.writes - terraform_data.first.output[endpoint].writes
      watchers = data.etcd_store_stats.now[endpoint].watchers
    }
  }
}
