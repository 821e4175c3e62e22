"""Running a plan: its steps with folded weights, on a device."""
