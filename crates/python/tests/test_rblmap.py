"""The installed package, as programs use it, with the image RBLMAP_TEST_IMAGE. Failures that people
met with such packages are tests named for the failure."""

import array
import gc
import ipaddress
import multiprocessing
import os
import pickle
import shutil
import struct
import sys
import tempfile
import threading
import time
import unittest

import rblmap

IMAGE = os.environ["RBLMAP_TEST_IMAGE"]
LISTED, FREE, NAME = "192.0.2.1", "192.0.2.2", "mx.mail.example"
try:
    import numpy
except ImportError:
    numpy = None
try:
    import pyarrow
except ImportError:
    pyarrow = None


def folder(stale=0, expired=0):
    """A mirror's folder with a status page of generation 1."""
    path = tempfile.mkdtemp(prefix="rblmap-python-")
    shutil.copy(IMAGE, path + "/ops.example.rbl")
    page = b"\x89rblstat" + struct.pack("<IIQQQ", 1, 0, 1, stale, expired)
    with open(path + "/ops.example.status", "wb") as file:
        file.write(page + bytes(4096 - len(page)))
    return path


def swap(path, serial):
    with open(IMAGE, "rb") as file:
        image = bytearray(file.read())
    image[24:32] = struct.pack("<Q", serial)
    with open(path + "/new", "wb") as file:
        file.write(image)
    os.rename(path + "/new", path + "/ops.example.rbl")
    page = os.open(path + "/ops.example.status", os.O_WRONLY)
    os.pwrite(page, struct.pack("<Q", serial), 16)
    os.close(page)


def in_a_child(blocked, queue):
    queue.put((bool(blocked.lookup(LISTED)), bool(blocked.lookup(FREE)), blocked.status(5).serial))


class Keys(unittest.TestCase):
    def setUp(self):
        self.blocked = rblmap.open(IMAGE)
        self.addCleanup(self.blocked.close)

    def test_every_kind_of_key_is_taken(self):
        v4 = ipaddress.ip_address(LISTED)
        for key in (LISTED, LISTED.encode(), v4, int(v4), "[192.0.2.1]", "::ffff:192.0.2.1",
                    ipaddress.ip_address("::ffff:192.0.2.1"), NAME, NAME.upper() + ".",
                    NAME.encode()):
            self.assertTrue(self.blocked.lookup(key), key)
        for key in (FREE, ipaddress.ip_address(FREE), 0, 2**32, 2**128 - 1, "unknown"):
            self.assertFalse(self.blocked.lookup(key), key)

    def test_an_answer_has_records_network_and_reply(self):
        answer = self.blocked.lookup(LISTED)
        self.assertEqual(answer.network, "192.0.2.1/32")
        self.assertIsInstance(answer.records[0].a, ipaddress.IPv4Address)
        self.assertIsInstance(answer[0].text, bytes)
        self.assertEqual(len(answer), len(answer.records))
        self.assertTrue(answer.reply("554 5.7.1 ").startswith("554 5.7.1 "))
        self.assertTrue(answer.reply("a\r\nb").startswith("a??b"))
        self.assertIsNone(self.blocked.lookup(NAME).network)
        self.assertIn("not listed", repr(self.blocked.lookup(FREE)))

    def test_a_nul_after_an_address_is_no_address(self):
        for key in (LISTED + "\0.good.example", NAME + "\0.good.example", LISTED + " ", "1.2.3",
                    "0177.0.0.1", "\udcff.example", "b\u00fccher.example", b"\xff.example", ""):
            with self.assertRaises(ValueError, msg=repr(key)):
                self.blocked.lookup(key)
        for key in (None, 1.5, True, object(), ipaddress.ip_network("192.0.2.0/24")):
            with self.assertRaises(TypeError, msg=repr(key)):
                self.blocked.lookup(key)
        for key in (-1, 2**128):
            with self.assertRaises(ValueError):
                self.blocked.lookup(key)

    def test_many_keys_give_an_array_of_their_kind(self):
        listed, free = int(ipaddress.ip_address(LISTED)), int(ipaddress.ip_address(FREE))
        self.assertEqual(self.blocked.lookup([LISTED, FREE, NAME, listed, "no key!", None, -1,
                                              2**128, b"\xff"]),
                         [True, False, True, True, None, None, None, None, None])
        self.assertEqual(self.blocked.lookup([FREE, LISTED, "no key!", NAME, "::1"] * 700),
                         [False, True, None, True, False] * 700)
        with self.assertRaises(TypeError):
            self.blocked.lookup([LISTED, 1.5])
        self.assertEqual(self.blocked.lookup(()), [])
        numbers = array.array("I", [listed, free] * 2000)
        self.assertEqual(self.blocked.lookup(numbers), bytearray([1, 0] * 2000))
        self.assertEqual(self.blocked.lookup(memoryview(numbers)[:2]), bytearray([1, 0]))
        for wrong in (array.array("Q", [1]), array.array("i", [1]), bytearray(b"x")):
            with self.assertRaises(TypeError):
                self.blocked.lookup(wrong)

    @unittest.skipUnless(numpy, "no numpy")
    def test_numpy(self):
        listed, free = int(ipaddress.ip_address(LISTED)), int(ipaddress.ip_address(FREE))
        numbers = numpy.array([listed, free, listed, free], dtype=numpy.uint32)
        found = self.blocked.lookup(numbers)
        self.assertEqual((found.dtype, found.tolist()), (numpy.bool_, [True, False] * 2))
        self.assertEqual(self.blocked.lookup(numbers[::2]).tolist(), [True, True])
        self.assertEqual(self.blocked.lookup(numbers.reshape(2, 2)).shape, (2, 2))
        self.assertEqual(self.blocked.lookup(numbers.astype(">u4")).tolist(), [True, False] * 2)
        self.assertEqual(len(self.blocked.lookup(numbers[:0])), 0)
        self.assertTrue(self.blocked.lookup(numbers[0]))
        self.assertEqual(self.blocked.lookup(numpy.array([LISTED, FREE])).tolist(), [True, False])
        with self.assertRaises(TypeError):
            self.blocked.lookup(numbers.astype(numpy.int64))
        masked = self.blocked.lookup(numpy.ma.array(numbers, mask=[True, False, False, False]))
        self.assertEqual(masked.tolist(), [None, False, True, False])
        numbers.flags.writeable = False
        self.assertEqual(self.blocked.lookup(numbers).tolist(), [True, False] * 2)

    @unittest.skipUnless(pyarrow, "no pyarrow")
    def test_arrow(self):
        listed, free = int(ipaddress.ip_address(LISTED)), int(ipaddress.ip_address(FREE))
        numbers = pyarrow.array([listed, None, free, listed], type=pyarrow.uint32())
        self.assertEqual(self.blocked.lookup(numbers).to_pylist(), [True, None, False, True])
        self.assertEqual(self.blocked.lookup(numbers[2:]).to_pylist(), [False, True])
        chunks = pyarrow.chunked_array([numbers, numbers[2:]])
        self.assertEqual(self.blocked.lookup(chunks).to_pylist(),
                         [True, None, False, True, False, True])
        texts = pyarrow.array([LISTED, FREE, None, NAME, "no key!"])
        self.assertEqual(self.blocked.lookup(texts).to_pylist(), [True, False, None, True, None])
        self.assertEqual(self.blocked.lookup(numbers[:0]).type, pyarrow.bool_())


class Lists(unittest.TestCase):
    def setUp(self):
        self.path = folder(1000, 2000)
        self.addCleanup(shutil.rmtree, self.path, True)

    def test_freshness_is_of_now_and_swaps_are_seen(self):
        with rblmap.open(self.path, "ops.example") as blocked:
            self.assertEqual([blocked.freshness(now) for now in (999, 1000, 2000)],
                             [rblmap.Freshness.FRESH, rblmap.Freshness.STALE,
                              rblmap.Freshness.EXPIRED])
            self.assertLess(blocked.freshness(1500.5), rblmap.Freshness.EXPIRED)
            self.assertEqual(blocked.freshness(), rblmap.Freshness.EXPIRED)
            swap(self.path, 7)
            self.assertTrue(blocked.lookup(LISTED))
            status = blocked.status(5)
            self.assertEqual((status.serial, status.generation, status.problem), (7, 7, None))
            self.assertEqual(blocked.zones(), ["@"])

    def test_a_wiped_folder_is_told_and_followed(self):
        with rblmap.open(self.path, "ops.example") as blocked:
            for name in os.listdir(self.path):
                os.unlink(self.path + "/" + name)
            self.assertEqual(blocked.freshness(500), rblmap.Freshness.STALE)
            self.assertIn("ops.example", blocked.status(500).problem)
            other = folder()
            for name in os.listdir(other):
                shutil.copy(other + "/" + name, self.path)
            shutil.rmtree(other)
            self.assertEqual(blocked.freshness(9000), rblmap.Freshness.FRESH)

    def test_errors_have_path_and_cause(self):
        with self.assertRaises(FileNotFoundError) as caught:
            rblmap.open("/no/such/folder", "ops.example")
        self.assertIn("/no/such/folder", str(caught.exception))
        with self.assertRaises(FileNotFoundError):
            rblmap.open(self.path, "other.example")
        for zone in ("OPS.example", "ops.example."):
            with self.assertRaises(rblmap.Error, msg=zone) as caught:
                rblmap.open(self.path, zone)
            self.assertIn(zone, str(caught.exception))
        with self.assertRaises(rblmap.Error) as caught:
            rblmap.open(self.path, "ops.example", subzone="proxies")
        self.assertIn("proxies", str(caught.exception))
        with open(self.path + "/bad.rbl", "wb") as file:
            file.write(b"no image")
        with self.assertRaises(rblmap.Error) as caught:
            rblmap.open(self.path + "/bad.rbl")
        self.assertIn("bad.rbl: not an rblmap image", str(caught.exception))

    def test_lists_dropped_without_close_leave_no_descriptors(self):
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            rblmap.open(self.path, "ops.example")
        gc.collect()
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_use_after_close_is_told(self):
        blocked = rblmap.open(self.path, "ops.example")
        blocked.close()
        blocked.close()
        self.assertTrue(blocked.closed)
        for use in (lambda: blocked.lookup(LISTED), lambda: blocked.freshness(1),
                    lambda: blocked.lookup(array.array("I", [1])), blocked.refresh,
                    blocked.status, blocked.zones):
            self.assertRaises(ValueError, use)

    def test_a_first_image_is_waited_for(self):
        os.unlink(self.path + "/ops.example.rbl")
        self.assertRaises(FileNotFoundError, rblmap.open, self.path, "ops.example")
        with rblmap.open(self.path, "ops.example", wait=True) as blocked:
            self.assertEqual(blocked.freshness(5), rblmap.Freshness.WAITING)
            self.assertFalse(blocked.lookup(LISTED))
            self.assertEqual(blocked.lookup(array.array("I", [1])), bytearray(1))
            shutil.copy(IMAGE, self.path + "/ops.example.rbl")
            self.assertEqual(blocked.freshness(6), rblmap.Freshness.FRESH)
            self.assertTrue(blocked.lookup(LISTED))

    def test_a_half_written_copy_is_refused(self):
        with rblmap.open(self.path, "ops.example", copy=True) as blocked:
            with open(self.path + "/ops.example.rbl", "r+b") as file:
                file.seek(700)
                file.write(b"\xff" * 40)
            self.assertRaises(rblmap.Error, blocked.refresh)
            self.assertTrue(blocked.lookup(LISTED))


class Threads(unittest.TestCase):
    def test_no_thread_gets_the_answer_of_another(self):
        path = folder()
        self.addCleanup(shutil.rmtree, path, True)
        blocked = rblmap.open(path, "ops.example")
        keys = {LISTED: blocked.lookup(LISTED).reply(), FREE: "", NAME: blocked.lookup(NAME).reply()}
        wrong, done = [], threading.Event()

        def work(key, reply):
            numbers = array.array("I", [int(ipaddress.ip_address(LISTED))] * 5000)
            while not done.is_set():
                if blocked.lookup(key).reply() != reply:
                    wrong.append(key)
                if key == LISTED and blocked.lookup(numbers) != bytearray(b"\1" * 5000):
                    wrong.append("numbers")

        before, threads = sys.getswitchinterval(), []
        sys.setswitchinterval(1e-5)
        for item in keys.items():
            threads.append(threading.Thread(target=work, args=item))
            threads[-1].start()
        for serial in range(2, 60):
            swap(path, serial)
            blocked.freshness(serial)
            time.sleep(0.005)
        done.set()
        for thread in threads:
            thread.join()
        sys.setswitchinterval(before)
        self.assertEqual(wrong, [])
        self.assertEqual(blocked.status(5).serial, 59)

    def test_a_close_meanwhile_is_no_crash(self):
        for _ in range(20):
            blocked = rblmap.open(IMAGE)
            numbers = array.array("I", range(200_000))
            thread = threading.Thread(target=lambda: blocked.lookup(numbers))
            thread.start()
            blocked.close()
            thread.join()


class Processes(unittest.TestCase):
    def test_children_go_on_by_fork_and_by_spawn(self):
        path = folder()
        self.addCleanup(shutil.rmtree, path, True)
        blocked = rblmap.open(path, "ops.example")
        for way in ("fork", "spawn"):
            context = multiprocessing.get_context(way)
            for serial in (2, 3):
                swap(path, serial)
                queue = context.Queue()
                child = context.Process(target=in_a_child, args=(blocked, queue))
                child.start()
                self.assertEqual(queue.get(timeout=60), (True, False, serial), way)
                child.join()

    def test_answers_go_from_one_process_to_another(self):
        answer = rblmap.open(IMAGE).lookup(LISTED)
        again = pickle.loads(pickle.dumps(answer))
        for what in ("listed", "codes", "network"):
            self.assertEqual(getattr(again, what), getattr(answer, what))
        self.assertEqual(again.reply("554 "), answer.reply("554 "))
        self.assertEqual((again[0].a, again[0].text), (answer[0].a, answer[0].text))

    def test_a_pickle_opens_anew(self):
        blocked = rblmap.open(IMAGE)
        again = pickle.loads(pickle.dumps(blocked))
        self.assertTrue(again.lookup(LISTED))
        self.assertEqual(repr(again), repr(blocked))


if __name__ == "__main__":
    for package in ("numpy", "pyarrow"):
        if globals()[package] is None:
            print(f"skipped: no {package}")
    unittest.main()
