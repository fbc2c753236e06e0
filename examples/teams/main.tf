# A store that several teams share, locked down. Each team has a directory that
# only it may read and write. All teams may read the shared directory. Without a
# password, only the public directory can be read. One apply takes the store from
# open to locked.

variable "root_password" {
  description = "The password of root: set when it is created, and used from then on."
  type        = string
  sensitive   = true
  ephemeral   = true
}

variable "teams" {
  description = "The users of each team."
  type        = map(set(string))
  default = {
    payments = ["ann", "ben"]
    search   = ["cleo"]
  }
}

variable "passwords" {
  description = "The first password of each user. Count password_version up to set new ones."
  type        = map(string)
  sensitive   = true
  ephemeral   = true
}

variable "password_version" {
  type    = number
  default = 1
}

locals {
  # { ann = ["payments"], ben = ["payments"], cleo = ["search"] }
  users = transpose(var.teams)
}

# The server ignores the credentials while authentication is disabled.
provider "etcd" {
  username = "root"
  password = var.root_password
}

resource "etcd_user" "root" {
  name                = "root"
  password_wo         = var.root_password
  password_wo_version = var.password_version
}

resource "etcd_dir" "team" {
  for_each = var.teams

  path          = "/teams/${each.key}"
  force_destroy = true
}

resource "etcd_role" "team" {
  for_each = var.teams

  name     = "team-${each.key}"
  kv_read  = [etcd_dir.team[each.key].path, "${etcd_dir.team[each.key].path}/*", "/shared/*", "/public/*"]
  kv_write = [etcd_dir.team[each.key].path, "${etcd_dir.team[each.key].path}/*"]
}

resource "etcd_user" "member" {
  for_each = local.users

  name                = each.key
  password_wo         = var.passwords[each.key]
  password_wo_version = var.password_version
  roles               = [for team in each.value : etcd_role.team[team].name]
}

# The permissions of requests without a password. If this role does not exist when
# authentication is enabled, the server creates it with full access.
resource "etcd_role" "guest" {
  name     = "guest"
  kv_read  = ["/public/*"]
  kv_write = []
}

# Enabled last, so that nobody is locked out; a destroy disables it first.
resource "etcd_auth" "this" {
  depends_on = [etcd_user.root, etcd_user.member, etcd_role.guest]
}

resource "etcd_key" "notice" {
  key   = "/public/notice"
  value = "Ask the platform team for access."
}
