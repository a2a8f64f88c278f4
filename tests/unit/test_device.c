// SPDX-License-Identifier: GPL-2.0
/* Devices, on a folder that looks like sysfs. */
#include <CUnit/CUnit.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "device.h"
#include "rows.h"
#include "tap.h"

static char root[] = "/tmp/bpfcopy-sysfs-XXXXXX";

/* The same folder that tests/cli uses. */
static int make_sysfs(void)
{
	char command[256];

	if (!mkdtemp(root))
		return -1;
	snprintf(command, sizeof(command), "%s/tests/cli/make-sysfs %s", TOP,
		 root);
	setenv("BPFCOPY_SYSFS", root, 1);
	return system(command);
}

static int remove_sysfs(void)
{
	char command[256];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void numbers_are_those_of_the_kernel(void)
{
	CU_ASSERT_EQUAL(device_number(0, 0), 0);
	CU_ASSERT_EQUAL(device_number(259, 3), 259U << 20 | 3);
	CU_ASSERT_EQUAL(device_number(4095, 0xfffff), 0xffffffff);
}

static void disk_by_name(void)
{
	struct device d;

	CU_ASSERT_EQUAL_FATAL(device_find("nvme0n1", &d), 0);
	CU_ASSERT_STRING_EQUAL(d.name, "nvme0n1");
	CU_ASSERT_STRING_EQUAL(d.disk, "nvme0n1");
	CU_ASSERT_FALSE(d.partition);
	CU_ASSERT_EQUAL(d.dev, device_number(259, 0));
	CU_ASSERT_EQUAL(d.disk_dev, d.dev);
	CU_ASSERT_EQUAL(d.size_bytes, 2097152ULL * 512);
	CU_ASSERT_EQUAL(d.block_bytes, 4096);
	CU_ASSERT_EQUAL(d.diskseq, 12);
	CU_ASSERT_EQUAL(d.copy_max_bytes, 1048576);
	CU_ASSERT_EQUAL(d.copy_max_hw_bytes, 8388608);
	CU_ASSERT_EQUAL(d.copy_max_range_hw_bytes, 524288);
	CU_ASSERT_EQUAL(d.copy_max_ranges, 128);
	device_free(&d);
}

static void identity_is_trimmed(void)
{
	struct device d;

	CU_ASSERT_EQUAL_FATAL(device_find("nvme0n1", &d), 0);
	CU_ASSERT_STRING_EQUAL(d.model, "QEMU NVMe Ctrl");
	CU_ASSERT_STRING_EQUAL(d.serial, "deadbeef");
	CU_ASSERT_STRING_EQUAL(d.firmware, "1.0");
	CU_ASSERT_STRING_EQUAL(d.transport, "pcie");
	CU_ASSERT_STRING_EQUAL(d.nguid, "00112233-4455-6677-8899-aabbccddeeff");
	CU_ASSERT_STRING_EQUAL(d.wwid, "eui.00112233445566778899aabbccddeeff");
	device_free(&d);
}

static void partition_belongs_to_disk(void)
{
	struct device d;

	CU_ASSERT_EQUAL_FATAL(device_find("nvme0n1p2", &d), 0);
	CU_ASSERT_TRUE(d.partition);
	CU_ASSERT_STRING_EQUAL(d.disk, "nvme0n1");
	CU_ASSERT_EQUAL(d.dev, device_number(259, 2));
	CU_ASSERT_EQUAL(d.disk_dev, device_number(259, 0));
	CU_ASSERT_EQUAL(d.start_bytes, 1050624ULL * 512);
	CU_ASSERT_EQUAL(d.copy_max_bytes, 1048576);
	CU_ASSERT_STRING_EQUAL(d.serial, "deadbeef");
	device_free(&d);
	CU_ASSERT_EQUAL(device_find_disk("nvme0n1p2", &d), -EISNAM);
	CU_ASSERT_STRING_EQUAL(d.disk, "nvme0n1");
	device_free(&d);
	CU_ASSERT_EQUAL(device_find_disk("nvme0n1", &d), 0);
	device_free(&d);
}

static void unpatched_kernel_has_no_limits(void)
{
	struct device d;

	CU_ASSERT_EQUAL_FATAL(device_find("sda", &d), 0);
	CU_ASSERT_EQUAL(d.copy_max_bytes, ROWS_NONE);
	CU_ASSERT_EQUAL(d.copy_max_ranges, ROWS_NONE);
	CU_ASSERT_EQUAL(d.block_bytes, 512);
	CU_ASSERT_TRUE(d.read_only);
	device_free(&d);
}

static void stack_is_listed(void)
{
	struct device d;

	CU_ASSERT_EQUAL_FATAL(device_find("dm-0", &d), 0);
	CU_ASSERT_PTR_NOT_NULL_FATAL(d.stack);
	CU_ASSERT_STRING_EQUAL(d.stack[0], "nvme0n1p1");
	CU_ASSERT_STRING_EQUAL(d.stack[1], "nvme0n1p2");
	CU_ASSERT_PTR_NULL(d.stack[2]);
	CU_ASSERT_STRING_EQUAL(d.model, "data");
	CU_ASSERT_STRING_EQUAL(d.uuid, "LVM-abc");
	device_free(&d);
}

static void names_with_slash(void)
{
	struct device d;

	CU_ASSERT_EQUAL_FATAL(device_find("/dev/cciss/c0d0", &d), 0);
	CU_ASSERT_STRING_EQUAL(d.name, "cciss/c0d0");
	device_free(&d);
}

static void path_without_node(void)
{
	struct device d;

	/* A node of this name would be a device of this machine. */
	CU_ASSERT_NOT_EQUAL_FATAL(access("/dev/nvme9n9", F_OK), 0);
	CU_ASSERT_EQUAL_FATAL(device_find("/dev/nvme9n9", &d), 0);
	CU_ASSERT_EQUAL(d.dev, device_number(259, 99));
	device_free(&d);
}

static void no_such_device(void)
{
	static const char *const none[] = { "",		  "nvme7n7",
					    "/dev/nope",  "..",
					    "/nowhere/x", ".",
					    "/dev/../etc" };
	struct device d;

	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++) {
		int err = device_find(none[i], &d);

		CU_ASSERT_TRUE(err == -ENODEV || err == -ENOTBLK);
	}
	CU_ASSERT_EQUAL(device_find("/etc/passwd", &d), -ENOTBLK);
	CU_ASSERT_EQUAL(device_find("/dev/null", &d), -ENOTBLK);
}

static void list_is_of_disks_in_natural_order(void)
{
	static const char *const want[] = { "cciss/c0d0", "dm-0",    "loop0",
					    "nvme0n1",	  "nvme9n9", "nvme10n1",
					    "nvme11n1",	  "sda" };
	struct device *list;
	size_t nr;

	CU_ASSERT_EQUAL_FATAL(device_list(&list, &nr), 0);
	CU_ASSERT_EQUAL_FATAL(nr, sizeof(want) / sizeof(*want));
	for (size_t i = 0; i < nr; i++)
		CU_ASSERT_STRING_EQUAL(list[i].name, want[i]);
	device_list_free(list, nr);
}

static void names_of_numbers(void)
{
	char name[DEVICE_NAME_MAX];

	CU_ASSERT_STRING_EQUAL(device_name(device_number(259, 2), name),
			       "nvme0n1p2");
	CU_ASSERT_STRING_EQUAL(device_name(device_number(77, 7), name), "77:7");
}

int main(void)
{
	CU_pSuite suite;

	CU_initialize_registry();
	suite = CU_add_suite("device", make_sysfs, remove_sysfs);
	CU_ADD_TEST(suite, numbers_are_those_of_the_kernel);
	CU_ADD_TEST(suite, disk_by_name);
	CU_ADD_TEST(suite, identity_is_trimmed);
	CU_ADD_TEST(suite, partition_belongs_to_disk);
	CU_ADD_TEST(suite, unpatched_kernel_has_no_limits);
	CU_ADD_TEST(suite, stack_is_listed);
	CU_ADD_TEST(suite, names_with_slash);
	CU_ADD_TEST(suite, path_without_node);
	CU_ADD_TEST(suite, no_such_device);
	CU_ADD_TEST(suite, list_is_of_disks_in_natural_order);
	CU_ADD_TEST(suite, names_of_numbers);
	return tap_run();
}
