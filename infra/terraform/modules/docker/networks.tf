# The database, and who may speak to it: no way out, and no way in.
resource "docker_network" "inside" {
  name     = "${var.name}-inside"
  internal = true
}

# The API's: where it is published, and where mail leaves.
resource "docker_network" "outside" {
  name = "${var.name}-outside"
}

# The schedulers': where jobs' calls leave. Receivers on this machine join it, if it has a range of its own.
resource "docker_network" "targets" {
  name = "${var.name}-targets"

  dynamic "ipam_config" {
    for_each = var.targets_subnet == null ? [] : [var.targets_subnet]
    content {
      subnet = ipam_config.value
    }
  }
}
