package main

import (
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// architectures are the names that container images give to the machines of ELF files.
var architectures = map[elf.Machine]string{elf.EM_X86_64: "amd64", elf.EM_AARCH64: "arm64", elf.EM_PPC64: "ppc64le", elf.EM_S390: "s390x", elf.EM_RISCV: "riscv64"}

func architecture(program string) (string, error) {
	f, err := elf.Open(program)
	if err != nil {
		return "", fmt.Errorf("%s is not a program for Linux: %w", program, err)
	}
	defer f.Close()
	if arch, ok := architectures[f.Machine]; ok {
		return arch, nil
	}
	return "", fmt.Errorf("%s is for a machine that no image is made for: %s", program, f.Machine)
}

// libraries returns the absolute paths of the ELF interpreter and of all shared libraries that a program needs. A file that
// is static, or no program at all, needs none.
func libraries(program string) ([]string, error) {
	interpreter, err := interpreter(program)
	if interpreter == "" || err != nil {
		return nil, err
	}
	// The interpreter itself knows best what it would load; ldd is a script around this.
	out, err := exec.Command(interpreter, "--list", program).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("list the libraries of %s: %w: %s", program, err, out)
	}
	found := []string{interpreter}
	for _, line := range strings.Split(string(out), "\n") {
		if strings.Contains(line, "not found") {
			return nil, fmt.Errorf("a library of %s is missing: %s", program, strings.TrimSpace(line))
		}
		// "name => /path (address)", "/path (address)" or "linux-vdso (address)", which is no file.
		for _, word := range strings.Fields(line) {
			if strings.HasPrefix(word, "/") && word != interpreter {
				found = append(found, word)
				break
			}
		}
	}
	return found, nil
}

// interpreter returns the path of the program's dynamic loader, or nothing for one that has none.
func interpreter(program string) (string, error) {
	file, err := os.Open(program)
	if err != nil {
		return "", err
	}
	defer file.Close()
	magic := make([]byte, len(elf.ELFMAG))
	if _, err := io.ReadFull(file, magic); err != nil || string(magic) != elf.ELFMAG {
		return "", nil
	}
	f, err := elf.NewFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", program, err)
	}
	for _, part := range f.Progs {
		if part.Type == elf.PT_INTERP {
			path := make([]byte, part.Filesz)
			if _, err := part.ReadAt(path, 0); err != nil {
				return "", err
			}
			return strings.TrimRight(string(path), "\x00"), nil
		}
	}
	return "", nil
}
