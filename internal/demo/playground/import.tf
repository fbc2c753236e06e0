import {
  to = etcd_key.color
  id = "/legacy/color"
}

import {
  to = etcd_key.limits
  id = "/legacy/limits"
}

import {
  to = etcd_dir.spool
  id = "/legacy/spool"
}

import {
  to = etcd_role.reader
  id = "reader"
}

import {
  to = etcd_user.alice
  id = "alice"
}
