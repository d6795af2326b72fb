package io.aegis.kernels.cpu.x86;

/**
 * General registers, in the order of their numbers. The System V convention hands integer arguments over in RDI, RSI, RDX,
 * RCX, R8, R9; those and RAX, R10, R11 may be overwritten, the others belong to the caller.
 */
public enum Gp {
    RAX,
    RCX,
    RDX,
    RBX,
    RSP,
    RBP,
    RSI,
    RDI,
    R8,
    R9,
    R10,
    R11,
    R12,
    R13,
    R14,
    R15;

    /** The memory at the register's address plus some bytes. */
    public Address at(int displacement) {
        return new Address(this, null, 1, displacement);
    }

    /** The memory at this register plus another's multiple plus some bytes. */
    public Address at(Gp index, int scale, int displacement) {
        return new Address(this, index, scale, displacement);
    }
}
