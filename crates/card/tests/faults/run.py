#!/usr/bin/env python3
"""Leaves out every instruction of a command under attack, one at a time, in an emulator.

    run.py [--all] BINARY [CASE ...]

BINARY is `crates/card/examples/faults.rs`, linked statically for x86-64 Linux. Each instruction is left out the first time that it
runs, those of the ciphers themselves and of the allocator apart; with --all these too, and what runs more than once its second
and last time as well. A line for each case: instructions, runs, and what became of them. Exit code 1 if a card was won or gave a
try for nothing, or if nothing was found in the naive one, which shows that the search finds.
"""
import bisect
import struct
import sys
import time

from elftools.elf.elffile import ELFFile
from unicorn import UC_ARCH_X86, UC_HOOK_CODE, UC_HOOK_INSN, UC_MODE_64, UC_PROT_EXEC, UC_PROT_READ, UC_PROT_WRITE, Uc, UcError
from unicorn import x86_const as x86

CASES = ["verify", "verify-adm", "blocked", "unblock", "change", "mac", "sqn", "authenticate", "read", "update",
         "remote", "sign"]
PAGE = 0x1000
STACK, STACK_SIZE = 0x7FFF_0000_0000, 0x4_0000
HEAP, HEAP_SIZE = 0x5555_0000_0000, 0x8_0000
MAPS, MAPS_SIZE = 0x7FFE_0000_0000, 0x2_0000
WON, FREE_TRY = 1, 2
# Ciphers and hashes, where another instruction is another result; C's allocator.
APART = ["4sha2", "7polyval", "5ghash", "3aes8", "_int_malloc", "_int_free", "_int_realloc", "malloc", "free", "realloc",
         "unlink_chunk", "sysmalloc", "malloc_consolidate", "___rdl_"]
ENOSYS, ENOENT, EINVAL = -38, -2, -22


class Exit(Exception):
    pass


class Machine:
    """A process, as far as one that only computes needs a system."""

    def __init__(self, path, *arguments):
        self.uc = uc = Uc(UC_ARCH_X86, UC_MODE_64)
        with open(path, "rb") as file:
            elf = ELFFile(file)
            self.symbols = {s.name: s["st_value"] for s in elf.get_section_by_name(".symtab").iter_symbols()}
            functions = [s for s in elf.get_section_by_name(".symtab").iter_symbols() if s["st_info"]["type"] == "STT_FUNC"]
            self.functions = sorted((s["st_value"], s.name) for s in functions)
            entry, phdrs, phnum = elf["e_entry"], 0, elf["e_phnum"]
            self.writable = []
            for segment in elf.iter_segments("PT_LOAD"):
                start = segment["p_vaddr"] & -PAGE
                end = (segment["p_vaddr"] + segment["p_memsz"] + PAGE - 1) & -PAGE
                # What is not to be written cannot be: it is not put back between runs.
                flags = segment["p_flags"]
                uc.mem_map(start, end - start, UC_PROT_READ | (UC_PROT_WRITE if flags & 2 else 0) | (UC_PROT_EXEC if flags & 1 else 0))
                uc.mem_write(segment["p_vaddr"], segment.data())
                if segment["p_offset"] == 0:
                    phdrs = segment["p_vaddr"] + elf["e_phoff"]
                if flags & 2:
                    self.writable.append((start, end - start))
        for start, size in ((STACK, STACK_SIZE), (HEAP, HEAP_SIZE), (MAPS, MAPS_SIZE)):
            uc.mem_map(start, size, UC_PROT_READ | UC_PROT_WRITE)
            self.writable.append((start, size))
        self.brk, self.maps = HEAP, MAPS
        self.exited = False
        uc.hook_add(UC_HOOK_INSN, lambda uc, _: self.syscall(), None, 1, 0, x86.UC_X86_INS_SYSCALL)
        self.start(entry, phdrs, phnum, [b"faults", *(word.encode() for word in arguments)])

    def symbol(self, name):
        found = {value for symbol, value in self.symbols.items() if "faults" in symbol and name in symbol}
        assert len(found) == 1, (name, found)
        return found.pop()

    def apart(self, address):
        _, name = self.functions[bisect.bisect(self.functions, (address, "\uffff")) - 1]
        return any(name == part or name.startswith("_ZN") and part in name or part == "___rdl_" and part in name for part in APART)

    def start(self, entry, phdrs, phnum, arguments):
        top = STACK + STACK_SIZE - 0x1000
        pointers = []
        for argument in arguments:
            self.uc.mem_write(top, argument + b"\0")
            pointers.append(top)
            top += len(argument) + 1
        random = top
        self.uc.mem_write(random, bytes(range(16)))
        auxv = [3, phdrs, 4, 56, 5, phnum, 6, PAGE, 9, entry, 23, 0, 25, random, 0, 0]
        words = [len(pointers), *pointers, 0, 0, *auxv]
        stack = (STACK + STACK_SIZE - 0x2000 - 8 * len(words)) & -16
        self.uc.mem_write(stack, struct.pack(f"<{len(words)}Q", *words))
        self.uc.reg_write(x86.UC_X86_REG_RSP, stack)
        self.entry = entry

    def syscall(self):
        uc = self.uc
        number, a, b = (uc.reg_read(r) for r in (x86.UC_X86_REG_RAX, x86.UC_X86_REG_RDI, x86.UC_X86_REG_RSI))
        answer = 0
        if number in (60, 231, 200, 234, 62):  # exit, or a signal to itself
            self.exited = True
            uc.emu_stop()
        elif number == 12:  # brk
            if HEAP <= a <= HEAP + HEAP_SIZE:
                self.brk = a
            answer = self.brk
        elif number == 9:  # mmap
            size = (b + PAGE - 1) & -PAGE
            answer = self.maps if self.maps + size <= MAPS + MAPS_SIZE else -12
            self.maps += size if answer > 0 else 0
        elif number == 158 and a == 0x1002:  # arch_prctl: thread pointer
            uc.reg_write(x86.UC_X86_REG_FS_BASE, b)
        elif number in (1, 20):  # write
            answer = uc.reg_read(x86.UC_X86_REG_RDX)
        elif number == 318:  # getrandom
            uc.mem_write(a, b"\x07" * b)
            answer = b
        elif number in (218, 39, 186):  # this thread and process
            answer = 1
        elif number in (257, 2, 89, 267):  # there are no files
            answer = ENOENT
        elif number in (302, 204, 334):
            answer = ENOSYS
        uc.reg_write(x86.UC_X86_REG_RAX, answer & (2**64 - 1))

    def watch(self, callback):
        """Calls back before each instruction from now on; what was translated without it is forgotten."""
        self.uc.hook_add(UC_HOOK_CODE, callback)
        self.uc.ctl_flush_tb()

    def until(self, begin, end, microseconds=0):
        self.uc.emu_start(begin, end, timeout=microseconds)
        return self.uc.reg_read(x86.UC_X86_REG_RIP)

    def save(self):
        memory = [(start, bytes(self.uc.mem_read(start, size))) for start, size in self.writable]
        return self.uc.context_save(), memory, self.brk, self.maps

    def restore(self, saved):
        context, memory, self.brk, self.maps = saved
        self.exited = False
        for start, content in memory:
            self.uc.mem_write(start, content)
        self.uc.context_restore(context)


def attack(path, case, all_of_it):
    # One runs as it should; the other goes on from behind each instruction of it.
    sound, faulty = Machine(path, case), Machine(path, case)
    uc = sound.uc
    if case != "naive":
        # Somebody who may do it wins, or winning would not be seen.
        honest = Machine(path, case, "honest")
        assert honest.until(honest.entry, honest.symbol("7verdict")) == honest.symbol("7verdict")
        assert honest.uc.reg_read(x86.UC_X86_REG_EDI) == WON, f"{case}: winning is not seen"
    begin = sound.symbol("naive_under_attack" if case == "naive" else "12under_attack")
    verdict = sound.symbol("7verdict")
    assert sound.until(sound.entry, begin) == begin, "the command is never reached"
    saved = sound.save()
    back = struct.unpack("<Q", uc.mem_read(uc.reg_read(x86.UC_X86_REG_RSP), 8))[0]

    trace = []
    traced = Machine(path, case)
    traced.restore(saved)
    traced.watch(lambda uc, address, size, _: trace.append(address) if address != back else uc.emu_stop())
    assert traced.until(begin, back) == back, "the command does not return"
    assert sound.until(begin, verdict) == verdict, "no verdict"
    clean = uc.reg_read(x86.UC_X86_REG_EDI)
    assert clean == 0, f"{case}: the attacker wins without a fault ({clean})"

    times = {}
    for at, address in enumerate(trace):
        times.setdefault(address, []).append(at)
    left_out = {address: when for address, when in times.items() if all_of_it or not sound.apart(address)}
    last = -1 if all_of_it else 0
    chosen = {when[n] for when in left_out.values() for n in (0, min(-last, len(when) - 1), last)}
    counts = {"refused": 0, "ended": 0, "hung": 0, "won": 0, "free": 0}
    found = []

    # Its state is whole only where it stands still.
    at, halted = -1, False

    def halt(uc, address, size, _):
        nonlocal at, halted
        if halted:
            halted = False
            return
        at += 1
        if at in chosen:
            halted = True
            sizes[address] = size
            uc.emu_stop()

    sizes = {}
    sound.restore(saved)
    sound.watch(halt)
    address = begin
    while (address := sound.until(address, back)) != back:
        assert trace[at] == address, "it does not run the same way twice"
        here = sound.save()
        if sum(counts.values()) % 50 == 0:
            faulty.restore(here)
            assert faulty.until(address, verdict) == verdict, "with every instruction it does not get there"
            assert faulty.uc.reg_read(x86.UC_X86_REG_EDI) == 0
        faulty.restore(here)
        what = 0
        try:
            # Left out; then on to the verdict, for no longer than a hundred times what it takes.
            if faulty.until(address + sizes[address], verdict, 1_000_000) == verdict:
                what = faulty.uc.reg_read(x86.UC_X86_REG_EDI)
                end = "won" if what & WON else "free" if what & FREE_TRY else "refused"
            else:
                end = "ended" if faulty.exited else "hung"
        except UcError:
            end = "ended"
        counts[end] += 1
        if what:
            found.append((address, at, what))
    assert sum(counts.values()) == len(chosen)
    return len(trace), len(times), len(chosen), counts, found


def main():
    all_of_it = "--all" in sys.argv
    path, *cases = [argument for argument in sys.argv[1:] if argument != "--all"]
    cases = cases or [*CASES, "naive"]
    failed = False
    for case in cases:
        began = time.time()
        executed, instructions, runs, counts, found = attack(path, case, all_of_it)
        bad = counts["won"] + counts["free"]
        good = bad > 0 if case == "naive" else bad == 0
        failed |= not good
        print(f"{'PASS' if good else 'FAIL'} {case}: {executed} executed, {instructions} instructions, {runs} left out: "
              f"{counts['refused']} refused, {counts['ended']} ended the process, {counts['hung']} never ended, {counts['won']} won, "
              f"{counts['free']} free tries ({time.time() - began:.0f} s)", flush=True)
        for address, at, what in found if case != "naive" else []:
            print(f"     {address:#x} at {at}: {what}", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
