package io.aegis.kernels.cpu.x86;

import static io.aegis.kernels.cpu.x86.Gp.R10;
import static io.aegis.kernels.cpu.x86.Gp.R11;
import static io.aegis.kernels.cpu.x86.Gp.R12;
import static io.aegis.kernels.cpu.x86.Gp.R13;
import static io.aegis.kernels.cpu.x86.Gp.R15;
import static io.aegis.kernels.cpu.x86.Gp.R8;
import static io.aegis.kernels.cpu.x86.Gp.R9;
import static io.aegis.kernels.cpu.x86.Gp.RAX;
import static io.aegis.kernels.cpu.x86.Gp.RBP;
import static io.aegis.kernels.cpu.x86.Gp.RCX;
import static io.aegis.kernels.cpu.x86.Gp.RDI;
import static io.aegis.kernels.cpu.x86.Gp.RDX;
import static io.aegis.kernels.cpu.x86.Gp.RSI;
import static io.aegis.kernels.cpu.x86.Gp.RSP;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.HexFormat;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;

/** Bytes as GNU as 2.40 writes them for the text beside them. */
class AssemblerTest {
    private static void is(String bytes, String text, Consumer<Assembler> instruction) {
        is(new Assembler(), bytes, text, instruction);
    }

    private static void wide(String bytes, String text, Consumer<Assembler> instruction) {
        is(new Assembler(Assembler.Width.BITS_512), bytes, text, instruction);
    }

    private static void is(Assembler a, String bytes, String text, Consumer<Assembler> instruction) {
        instruction.accept(a);
        assertThat(HexFormat.of().formatHex(a.bytes())).as(text).isEqualTo(bytes);
    }

    @Test
    void everyInstruction() {
        is("c5fc100f", "vmovups ymm1,ymmword ptr [rdi]", a -> a.vmovups(1, RDI.at(0)));
        is("c5fc104d00", "vmovups ymm1,ymmword ptr [rbp]", a -> a.vmovups(1, RBP.at(0)));
        is("c4c17c104d00", "vmovups ymm1,ymmword ptr [r13]", a -> a.vmovups(1, R13.at(0)));
        is("c5fc104c2408", "vmovups ymm1,ymmword ptr [rsp+8]", a -> a.vmovups(1, RSP.at(8)));
        is("c4c17c104c2480", "vmovups ymm1,ymmword ptr [r12-128]", a -> a.vmovups(1, R12.at(-128)));
        is("c4c17c108a80000000", "vmovups ymm1,ymmword ptr [r10+128]", a -> a.vmovups(1, R10.at(128)));
        is("c4a17c104c8a40", "vmovups ymm1,ymmword ptr [rdx+r9*4+64]", a -> a.vmovups(1, RDX.at(R9, 4, 64)));
        is(
                "c4c17c108c07a0860100",
                "vmovups ymm1,ymmword ptr [r15+rax+100000]",
                a -> a.vmovups(1, R15.at(RAX, 1, 100000)));
        is("c5fc114d00", "vmovups ymmword ptr [rbp],ymm1", a -> a.vmovups(RBP.at(0), 1));
        is("c4c17a114d00", "vmovss dword ptr [r13],xmm1", a -> a.vmovss(R13.at(0), 1));
        is("c4e27d184c2408", "vbroadcastss ymm1,dword ptr [rsp+8]", a -> a.vbroadcastss(1, RSP.at(8)));
        is("c4c27d214c2480", "vpmovsxbd ymm1,qword ptr [r12-128]", a -> a.vpmovsxbd(1, R12.at(-128)));
        is("c4c27d138a80000000", "vcvtph2ps ymm1,xmmword ptr [r10+128]", a -> a.vcvtph2ps(1, R10.at(128)));
        is("c4e37d19d101", "vextractf128 xmm1,ymm2,1", a -> a.vextractf128(1, 2));
        is("c4c36d18ce01", "vinsertf128 ymm1,ymm2,xmm14,1", a -> a.vinsertf128(1, 2, 14, 1));
        is("c5fc5bca", "vcvtdq2ps ymm1,ymm2", a -> a.vcvtdq2ps(1, 2));
        is("c5f572f210", "vpslld ymm1,ymm2,16", a -> a.vpslld(1, 2, 16));
        is("c5f572d207", "vpsrld ymm1,ymm2,7", a -> a.vpsrld(1, 2, 7));
        is("c4637d19e901", "vextractf128 xmm1,ymm13,1", a -> a.vextractf128(1, 13));
        is("c4c31518ce01", "vinsertf128 ymm1,ymm13,xmm14,1", a -> a.vinsertf128(1, 13, 14, 1));
        is("c4c17c5bcd", "vcvtdq2ps ymm1,ymm13", a -> a.vcvtdq2ps(1, 13));
        is("c4c17572f510", "vpslld ymm1,ymm13,16", a -> a.vpslld(1, 13, 16));
        is("c4c17572d507", "vpsrld ymm1,ymm13,7", a -> a.vpsrld(1, 13, 7));
        is(
                "c4a2052c4c8a40",
                "vmaskmovps ymm1,ymm15,ymmword ptr [rdx+r9*4+64]",
                a -> a.vmaskmovps(1, 15, RDX.at(R9, 4, 64)));
        is(
                "c4c2052e8c07a0860100",
                "vmaskmovps ymmword ptr [r15+rax+100000],ymm15,ymm1",
                a -> a.vmaskmovps(R15.at(RAX, 1, 100000), 15, 1));
        is("c462652c27", "vmaskmovps ymm12,ymm3,ymmword ptr [rdi]", a -> a.vmaskmovps(12, 3, RDI.at(0)));
        is("c462652e6500", "vmaskmovps ymmword ptr [rbp],ymm3,ymm12", a -> a.vmaskmovps(RBP.at(0), 3, 12));
        is("4885c0", "test rax,rax", a -> a.test(RAX));
        is("4d85ed", "test r13,r13", a -> a.test(R13));
        is("c5f45cc2", "vsubps ymm0,ymm1,ymm2", a -> a.vsubps(0, 1, 2));
        is("c4413c5cf9", "vsubps ymm15,ymm8,ymm9", a -> a.vsubps(15, 8, 9));
        is("c58c5cdd", "vsubps ymm3,ymm14,ymm5", a -> a.vsubps(3, 14, 5));
        is("c4416c5ccc", "vsubps ymm9,ymm2,ymm12", a -> a.vsubps(9, 2, 12));
        is("c5f45ec2", "vdivps ymm0,ymm1,ymm2", a -> a.vdivps(0, 1, 2));
        is("c4413c5ef9", "vdivps ymm15,ymm8,ymm9", a -> a.vdivps(15, 8, 9));
        is("c58c5edd", "vdivps ymm3,ymm14,ymm5", a -> a.vdivps(3, 14, 5));
        is("c4416c5ecc", "vdivps ymm9,ymm2,ymm12", a -> a.vdivps(9, 2, 12));
        is("c5fc51ca", "vsqrtps ymm1,ymm2", a -> a.vsqrtps(1, 2));
        is("c4417c51e5", "vsqrtps ymm12,ymm13", a -> a.vsqrtps(12, 13));
        is("c57c51e2", "vsqrtps ymm12,ymm2", a -> a.vsqrtps(12, 2));
        is("c5f45fc2", "vmaxps ymm0,ymm1,ymm2", a -> a.vmaxps(0, 1, 2));
        is("c4413c5ff9", "vmaxps ymm15,ymm8,ymm9", a -> a.vmaxps(15, 8, 9));
        is("c58c5fdd", "vmaxps ymm3,ymm14,ymm5", a -> a.vmaxps(3, 14, 5));
        is("c4416c5fcc", "vmaxps ymm9,ymm2,ymm12", a -> a.vmaxps(9, 2, 12));
        is("c5f45dc2", "vminps ymm0,ymm1,ymm2", a -> a.vminps(0, 1, 2));
        is("c4413c5df9", "vminps ymm15,ymm8,ymm9", a -> a.vminps(15, 8, 9));
        is("c58c5ddd", "vminps ymm3,ymm14,ymm5", a -> a.vminps(3, 14, 5));
        is("c4416c5dcc", "vminps ymm9,ymm2,ymm12", a -> a.vminps(9, 2, 12));
        is("c5f454c2", "vandps ymm0,ymm1,ymm2", a -> a.vandps(0, 1, 2));
        is("c4413c54f9", "vandps ymm15,ymm8,ymm9", a -> a.vandps(15, 8, 9));
        is("c58c54dd", "vandps ymm3,ymm14,ymm5", a -> a.vandps(3, 14, 5));
        is("c4416c54cc", "vandps ymm9,ymm2,ymm12", a -> a.vandps(9, 2, 12));
        is("c5f5fec2", "vpaddd ymm0,ymm1,ymm2", a -> a.vpaddd(0, 1, 2));
        is("c4413dfef9", "vpaddd ymm15,ymm8,ymm9", a -> a.vpaddd(15, 8, 9));
        is("c58dfedd", "vpaddd ymm3,ymm14,ymm5", a -> a.vpaddd(3, 14, 5));
        is("c4416dfecc", "vpaddd ymm9,ymm2,ymm12", a -> a.vpaddd(9, 2, 12));
        is("c4c17459442480", "vmulps ymm0,ymm1,ymmword ptr [r12-128]", a -> a.vmulps(0, 1, R12.at(-128)));
        is("c4413c59ba80000000", "vmulps ymm15,ymm8,ymmword ptr [r10+128]", a -> a.vmulps(15, 8, R10.at(128)));
        is("c4a10c595c8a40", "vmulps ymm3,ymm14,ymmword ptr [rdx+r9*4+64]", a -> a.vmulps(3, 14, RDX.at(R9, 4, 64)));
        is("c4c174544500", "vandps ymm0,ymm1,ymmword ptr [r13]", a -> a.vandps(0, 1, R13.at(0)));
        is("c53c547c2408", "vandps ymm15,ymm8,ymmword ptr [rsp+8]", a -> a.vandps(15, 8, RSP.at(8)));
        is("c4c10c545c2480", "vandps ymm3,ymm14,ymmword ptr [r12-128]", a -> a.vandps(3, 14, R12.at(-128)));
        is("c4c174578280000000", "vxorps ymm0,ymm1,ymmword ptr [r10+128]", a -> a.vxorps(0, 1, R10.at(128)));
        is("c4213c577c8a40", "vxorps ymm15,ymm8,ymmword ptr [rdx+r9*4+64]", a -> a.vxorps(15, 8, RDX.at(R9, 4, 64)));
        is(
                "c4c10c579c07a0860100",
                "vxorps ymm3,ymm14,ymmword ptr [r15+rax+100000]",
                a -> a.vxorps(3, 14, R15.at(RAX, 1, 100000)));
        is("c4e275a807", "vfmadd213ps ymm0,ymm1,ymmword ptr [rdi]", a -> a.vfmadd213ps(0, 1, RDI.at(0)));
        is("c4623da87d00", "vfmadd213ps ymm15,ymm8,ymmword ptr [rbp]", a -> a.vfmadd213ps(15, 8, RBP.at(0)));
        is("c4c20da85d00", "vfmadd213ps ymm3,ymm14,ymmword ptr [r13]", a -> a.vfmadd213ps(3, 14, R13.at(0)));
        is("c4e3754ac230", "vblendvps ymm0,ymm1,ymm2,ymm3", a -> a.vblendvps(0, 1, 2, 3));
        is("c4433d4af9e0", "vblendvps ymm15,ymm8,ymm9,ymm14", a -> a.vblendvps(15, 8, 9, 14));
        is("c4e30d4adda0", "vblendvps ymm3,ymm14,ymm5,ymm10", a -> a.vblendvps(3, 14, 5, 10));
        is(
                "c4c1745c8407a0860100",
                "vsubps ymm0,ymm1,ymmword ptr [r15+rax+100000]",
                a -> a.vsubps(0, 1, R15.at(RAX, 1, 100000)));
        is("c53c5c3f", "vsubps ymm15,ymm8,ymmword ptr [rdi]", a -> a.vsubps(15, 8, RDI.at(0)));
        is("c58c5c5d00", "vsubps ymm3,ymm14,ymmword ptr [rbp]", a -> a.vsubps(3, 14, RBP.at(0)));
        is("c57c1027", "vmovups ymm12,ymmword ptr [rdi]", a -> a.vmovups(12, RDI.at(0)));
        is("c57c106500", "vmovups ymm12,ymmword ptr [rbp]", a -> a.vmovups(12, RBP.at(0)));
        is("c4417c106500", "vmovups ymm12,ymmword ptr [r13]", a -> a.vmovups(12, R13.at(0)));
        is("c57c10642408", "vmovups ymm12,ymmword ptr [rsp+8]", a -> a.vmovups(12, RSP.at(8)));
        is("c4417c10642480", "vmovups ymm12,ymmword ptr [r12-128]", a -> a.vmovups(12, R12.at(-128)));
        is("c4417c10a280000000", "vmovups ymm12,ymmword ptr [r10+128]", a -> a.vmovups(12, R10.at(128)));
        is("c4217c10648a40", "vmovups ymm12,ymmword ptr [rdx+r9*4+64]", a -> a.vmovups(12, RDX.at(R9, 4, 64)));
        is(
                "c4417c10a407a0860100",
                "vmovups ymm12,ymmword ptr [r15+rax+100000]",
                a -> a.vmovups(12, R15.at(RAX, 1, 100000)));
        is("c4217c11648a40", "vmovups ymmword ptr [rdx+r9*4+64],ymm12", a -> a.vmovups(RDX.at(R9, 4, 64), 12));
        is(
                "c4417a11a407a0860100",
                "vmovss dword ptr [r15+rax+100000],xmm12",
                a -> a.vmovss(R15.at(RAX, 1, 100000), 12));
        is("c4627d1827", "vbroadcastss ymm12,dword ptr [rdi]", a -> a.vbroadcastss(12, RDI.at(0)));
        is("c4627d216500", "vpmovsxbd ymm12,qword ptr [rbp]", a -> a.vpmovsxbd(12, RBP.at(0)));
        is("c4427d136500", "vcvtph2ps ymm12,xmmword ptr [r13]", a -> a.vcvtph2ps(12, R13.at(0)));
        is("c4c37d19d401", "vextractf128 xmm12,ymm2,1", a -> a.vextractf128(12, 2));
        is("c4636d18e301", "vinsertf128 ymm12,ymm2,xmm3,1", a -> a.vinsertf128(12, 2, 3, 1));
        is("c57c5be2", "vcvtdq2ps ymm12,ymm2", a -> a.vcvtdq2ps(12, 2));
        is("c59d72f210", "vpslld ymm12,ymm2,16", a -> a.vpslld(12, 2, 16));
        is("c59d72d207", "vpsrld ymm12,ymm2,7", a -> a.vpsrld(12, 2, 7));
        is("c4437d19ec01", "vextractf128 xmm12,ymm13,1", a -> a.vextractf128(12, 13));
        is("c4631518e301", "vinsertf128 ymm12,ymm13,xmm3,1", a -> a.vinsertf128(12, 13, 3, 1));
        is("c4417c5be5", "vcvtdq2ps ymm12,ymm13", a -> a.vcvtdq2ps(12, 13));
        is("c4c11d72f510", "vpslld ymm12,ymm13,16", a -> a.vpslld(12, 13, 16));
        is("c4c11d72d507", "vpsrld ymm12,ymm13,7", a -> a.vpsrld(12, 13, 7));
        is("c5f457c2", "vxorps ymm0,ymm1,ymm2", a -> a.vxorps(0, 1, 2));
        is("c4413c57f9", "vxorps ymm15,ymm8,ymm9", a -> a.vxorps(15, 8, 9));
        is("c58c57dd", "vxorps ymm3,ymm14,ymm5", a -> a.vxorps(3, 14, 5));
        is("c4416c57cc", "vxorps ymm9,ymm2,ymm12", a -> a.vxorps(9, 2, 12));
        is("c5f458c2", "vaddps ymm0,ymm1,ymm2", a -> a.vaddps(0, 1, 2));
        is("c4413c58f9", "vaddps ymm15,ymm8,ymm9", a -> a.vaddps(15, 8, 9));
        is("c58c58dd", "vaddps ymm3,ymm14,ymm5", a -> a.vaddps(3, 14, 5));
        is("c4416c58cc", "vaddps ymm9,ymm2,ymm12", a -> a.vaddps(9, 2, 12));
        is("c4e275b8c2", "vfmadd231ps ymm0,ymm1,ymm2", a -> a.vfmadd231ps(0, 1, 2));
        is("c4423db8f9", "vfmadd231ps ymm15,ymm8,ymm9", a -> a.vfmadd231ps(15, 8, 9));
        is("c4e20db8dd", "vfmadd231ps ymm3,ymm14,ymm5", a -> a.vfmadd231ps(3, 14, 5));
        is("c4426db8cc", "vfmadd231ps ymm9,ymm2,ymm12", a -> a.vfmadd231ps(9, 2, 12));
        is("c5f5dbc2", "vpand ymm0,ymm1,ymm2", a -> a.vpand(0, 1, 2));
        is("c4413ddbf9", "vpand ymm15,ymm8,ymm9", a -> a.vpand(15, 8, 9));
        is("c58ddbdd", "vpand ymm3,ymm14,ymm5", a -> a.vpand(3, 14, 5));
        is("c4416ddbcc", "vpand ymm9,ymm2,ymm12", a -> a.vpand(9, 2, 12));
        is("c5f459c2", "vmulps ymm0,ymm1,ymm2", a -> a.vmulps(0, 1, 2));
        is("c4413c59f9", "vmulps ymm15,ymm8,ymm9", a -> a.vmulps(15, 8, 9));
        is("c58c59dd", "vmulps ymm3,ymm14,ymm5", a -> a.vmulps(3, 14, 5));
        is("c4416c59cc", "vmulps ymm9,ymm2,ymm12", a -> a.vmulps(9, 2, 12));
        is("c5f414c2", "vunpcklps ymm0,ymm1,ymm2", a -> a.vunpcklps(0, 1, 2));
        is("c4413c14f9", "vunpcklps ymm15,ymm8,ymm9", a -> a.vunpcklps(15, 8, 9));
        is("c58c14dd", "vunpcklps ymm3,ymm14,ymm5", a -> a.vunpcklps(3, 14, 5));
        is("c4416c14cc", "vunpcklps ymm9,ymm2,ymm12", a -> a.vunpcklps(9, 2, 12));
        is("c5f415c2", "vunpckhps ymm0,ymm1,ymm2", a -> a.vunpckhps(0, 1, 2));
        is("c4413c15f9", "vunpckhps ymm15,ymm8,ymm9", a -> a.vunpckhps(15, 8, 9));
        is("c58c15dd", "vunpckhps ymm3,ymm14,ymm5", a -> a.vunpckhps(3, 14, 5));
        is("c4416c15cc", "vunpckhps ymm9,ymm2,ymm12", a -> a.vunpckhps(9, 2, 12));
        is("c4e27545c2", "vpsrlvd ymm0,ymm1,ymm2", a -> a.vpsrlvd(0, 1, 2));
        is("c4423d45f9", "vpsrlvd ymm15,ymm8,ymm9", a -> a.vpsrlvd(15, 8, 9));
        is("c4e20d45dd", "vpsrlvd ymm3,ymm14,ymm5", a -> a.vpsrlvd(3, 14, 5));
        is("c4426d45cc", "vpsrlvd ymm9,ymm2,ymm12", a -> a.vpsrlvd(9, 2, 12));
        is("c5f5fac2", "vpsubd ymm0,ymm1,ymm2", a -> a.vpsubd(0, 1, 2));
        is("c4413dfaf9", "vpsubd ymm15,ymm8,ymm9", a -> a.vpsubd(15, 8, 9));
        is("c58dfadd", "vpsubd ymm3,ymm14,ymm5", a -> a.vpsubd(3, 14, 5));
        is("c4416dfacc", "vpsubd ymm9,ymm2,ymm12", a -> a.vpsubd(9, 2, 12));
        is("c5f37cc2", "vhaddps xmm0,xmm1,xmm2", a -> a.vhaddps128(0, 1, 2));
        is("c4413b7cf9", "vhaddps xmm15,xmm8,xmm9", a -> a.vhaddps128(15, 8, 9));
        is("c58b7cdd", "vhaddps xmm3,xmm14,xmm5", a -> a.vhaddps128(3, 14, 5));
        is("c4416b7ccc", "vhaddps xmm9,xmm2,xmm12", a -> a.vhaddps128(9, 2, 12));
        is("c5f058c2", "vaddps xmm0,xmm1,xmm2", a -> a.vaddps128(0, 1, 2));
        is("c4413858f9", "vaddps xmm15,xmm8,xmm9", a -> a.vaddps128(15, 8, 9));
        is("c58858dd", "vaddps xmm3,xmm14,xmm5", a -> a.vaddps128(3, 14, 5));
        is("c4416858cc", "vaddps xmm9,xmm2,xmm12", a -> a.vaddps128(9, 2, 12));
        is("c5f458442408", "vaddps ymm0,ymm1,ymmword ptr [rsp+8]", a -> a.vaddps(0, 1, RSP.at(8)));
        is("c4413c587c2480", "vaddps ymm15,ymm8,ymmword ptr [r12-128]", a -> a.vaddps(15, 8, R12.at(-128)));
        is("c4c10c589a80000000", "vaddps ymm3,ymm14,ymmword ptr [r10+128]", a -> a.vaddps(3, 14, R10.at(128)));
        is(
                "c4a275b8448a40",
                "vfmadd231ps ymm0,ymm1,ymmword ptr [rdx+r9*4+64]",
                a -> a.vfmadd231ps(0, 1, RDX.at(R9, 4, 64)));
        is(
                "c4423db8bc07a0860100",
                "vfmadd231ps ymm15,ymm8,ymmword ptr [r15+rax+100000]",
                a -> a.vfmadd231ps(15, 8, R15.at(RAX, 1, 100000)));
        is("c4e20db81f", "vfmadd231ps ymm3,ymm14,ymmword ptr [rdi]", a -> a.vfmadd231ps(3, 14, RDI.at(0)));
        is("c5f5db4500", "vpand ymm0,ymm1,ymmword ptr [rbp]", a -> a.vpand(0, 1, RBP.at(0)));
        is("c4413ddb7d00", "vpand ymm15,ymm8,ymmword ptr [r13]", a -> a.vpand(15, 8, R13.at(0)));
        is("c58ddb5c2408", "vpand ymm3,ymm14,ymmword ptr [rsp+8]", a -> a.vpand(3, 14, RSP.at(8)));
        is("c5f4c6c244", "vshufps ymm0,ymm1,ymm2,68", a -> a.vshufps(0, 1, 2, 68));
        is("c4413cc6f944", "vshufps ymm15,ymm8,ymm9,68", a -> a.vshufps(15, 8, 9, 68));
        is("c58cc6dd44", "vshufps ymm3,ymm14,ymm5,68", a -> a.vshufps(3, 14, 5, 68));
        is("c4e37506c231", "vperm2f128 ymm0,ymm1,ymm2,49", a -> a.vperm2f128(0, 1, 2, 49));
        is("c4433d06f931", "vperm2f128 ymm15,ymm8,ymm9,49", a -> a.vperm2f128(15, 8, 9, 49));
        is("c4e30d06dd31", "vperm2f128 ymm3,ymm14,ymm5,49", a -> a.vperm2f128(3, 14, 5, 49));
        is("c4c27d584c2480", "vpbroadcastd ymm1,dword ptr [r12-128]", a -> a.vpbroadcastd(1, R12.at(-128)));
        is("c4427d58a280000000", "vpbroadcastd ymm12,dword ptr [r10+128]", a -> a.vpbroadcastd(12, R10.at(128)));
        is("48c7c078563412", "mov rax,305419896", a -> a.mov(RAX, 305419896));
        is("48c7c0ffffffff", "mov rax,-1", a -> a.mov(RAX, -1));
        is("48ffc8", "dec rax", a -> a.dec(RAX));
        is("50", "push rax", a -> a.push(RAX));
        is("58", "pop rax", a -> a.pop(RAX));
        is("4889c8", "mov rax,rcx", a -> a.mov(RAX, RCX));
        is("4801c8", "add rax,rcx", a -> a.add(RAX, RCX));
        is("4c89d8", "mov rax,r11", a -> a.mov(RAX, R11));
        is("4c01d8", "add rax,r11", a -> a.add(RAX, R11));
        is("4a8b448a40", "mov rax,qword ptr [rdx+r9*4+64]", a -> a.mov(RAX, RDX.at(R9, 4, 64)));
        is("498d8407a0860100", "lea rax,[r15+rax+100000]", a -> a.lea(RAX, R15.at(RAX, 1, 100000)));
        is("8907", "mov dword ptr [rdi],eax", a -> a.movd(RDI.at(0), RAX));
        is("48c7c678563412", "mov rsi,305419896", a -> a.mov(RSI, 305419896));
        is("48c7c6ffffffff", "mov rsi,-1", a -> a.mov(RSI, -1));
        is("4881c600040000", "ADD rsi,1024", a -> a.add(RSI, 1024));
        is("4881e600100000", "AND rsi,4096", a -> a.and(RSI, 4096));
        is("48ffce", "dec rsi", a -> a.dec(RSI));
        is("56", "push rsi", a -> a.push(RSI));
        is("5e", "pop rsi", a -> a.pop(RSI));
        is("4889ce", "mov rsi,rcx", a -> a.mov(RSI, RCX));
        is("4801ce", "add rsi,rcx", a -> a.add(RSI, RCX));
        is("4c89de", "mov rsi,r11", a -> a.mov(RSI, R11));
        is("4c01de", "add rsi,r11", a -> a.add(RSI, R11));
        is("488b7500", "mov rsi,qword ptr [rbp]", a -> a.mov(RSI, RBP.at(0)));
        is("498d7500", "lea rsi,[r13]", a -> a.lea(RSI, R13.at(0)));
        is("89742408", "mov dword ptr [rsp+8],esi", a -> a.movd(RSP.at(8), RSI));
        is("49c7c078563412", "mov r8,305419896", a -> a.mov(R8, 305419896));
        is("49c7c0ffffffff", "mov r8,-1", a -> a.mov(R8, -1));
        is("4981c000040000", "ADD r8,1024", a -> a.add(R8, 1024));
        is("4981e000100000", "AND r8,4096", a -> a.and(R8, 4096));
        is("49ffc8", "dec r8", a -> a.dec(R8));
        is("4150", "push r8", a -> a.push(R8));
        is("4158", "pop r8", a -> a.pop(R8));
        is("4989c8", "mov r8,rcx", a -> a.mov(R8, RCX));
        is("4901c8", "add r8,rcx", a -> a.add(R8, RCX));
        is("4d89d8", "mov r8,r11", a -> a.mov(R8, R11));
        is("4d01d8", "add r8,r11", a -> a.add(R8, R11));
        is("4d8b442480", "mov r8,qword ptr [r12-128]", a -> a.mov(R8, R12.at(-128)));
        is("4d8d8280000000", "lea r8,[r10+128]", a -> a.lea(R8, R10.at(128)));
        is("4689448a40", "mov dword ptr [rdx+r9*4+64],r8d", a -> a.movd(RDX.at(R9, 4, 64), R8));
        is("49c7c578563412", "mov r13,305419896", a -> a.mov(R13, 305419896));
        is("49c7c5ffffffff", "mov r13,-1", a -> a.mov(R13, -1));
        is("4981c500040000", "ADD r13,1024", a -> a.add(R13, 1024));
        is("4981e500100000", "AND r13,4096", a -> a.and(R13, 4096));
        is("49ffcd", "dec r13", a -> a.dec(R13));
        is("4155", "push r13", a -> a.push(R13));
        is("415d", "pop r13", a -> a.pop(R13));
        is("4989cd", "mov r13,rcx", a -> a.mov(R13, RCX));
        is("4901cd", "add r13,rcx", a -> a.add(R13, RCX));
        is("4d89dd", "mov r13,r11", a -> a.mov(R13, R11));
        is("4d01dd", "add r13,r11", a -> a.add(R13, R11));
        is("4d8bac07a0860100", "mov r13,qword ptr [r15+rax+100000]", a -> a.mov(R13, R15.at(RAX, 1, 100000)));
        is("4c8d2f", "lea r13,[rdi]", a -> a.lea(R13, RDI.at(0)));
        is("44896d00", "mov dword ptr [rbp],r13d", a -> a.movd(RBP.at(0), R13));
        is("0f180f", "prefetcht0 [rdi]", a -> a.prefetcht0(RDI.at(0)));
        is("0f184d00", "prefetcht0 [rbp]", a -> a.prefetcht0(RBP.at(0)));
        is("410f184d00", "prefetcht0 [r13]", a -> a.prefetcht0(R13.at(0)));
        is("0f184c2408", "prefetcht0 [rsp+8]", a -> a.prefetcht0(RSP.at(8)));
        is("410f184c2480", "prefetcht0 [r12-128]", a -> a.prefetcht0(R12.at(-128)));
        is("410f188a80000000", "prefetcht0 [r10+128]", a -> a.prefetcht0(R10.at(128)));
        is("420f184c8a40", "prefetcht0 [rdx+r9*4+64]", a -> a.prefetcht0(RDX.at(R9, 4, 64)));
        is("410f188c07a0860100", "prefetcht0 [r15+rax+100000]", a -> a.prefetcht0(R15.at(RAX, 1, 100000)));
        is("c5f877", "vzeroupper", a -> a.vzeroupper());
        is("c3", "ret", a -> a.ret());
        is("0fa2", "cpuid", a -> a.cpuid());
        is("0f01d0", "xgetbv", a -> a.xgetbv());
    }

    @Test
    void everyInstructionOf512Bits() {
        wide("62f17c48100f", "vmovups zmm1,zmmword ptr [rdi]", a -> a.vmovups(1, RDI.at(0)));
        wide("62c17c48104d00", "vmovups zmm17,zmmword ptr [r13]", a -> a.vmovups(17, R13.at(0)));
        wide("62517c48104a02", "vmovups zmm9,zmmword ptr [r10+128]", a -> a.vmovups(9, R10.at(128)));
        wide("62417c4810b264000000", "vmovups zmm30,zmmword ptr [r10+100]", a -> a.vmovups(30, R10.at(100)));
        wide("62f17c48104c247f", "vmovups zmm1,zmmword ptr [rsp+8128]", a -> a.vmovups(1, RSP.at(8128)));
        wide("62f17c48108c2400200000", "vmovups zmm1,zmmword ptr [rsp+8192]", a -> a.vmovups(1, RSP.at(8192)));
        wide("62d17c48104c2480", "vmovups zmm1,zmmword ptr [r12-8192]", a -> a.vmovups(1, R12.at(-8192)));
        wide("62217c48104c8a01", "vmovups zmm25,zmmword ptr [rdx+r9*4+64]", a -> a.vmovups(25, RDX.at(R9, 4, 64)));
        wide("62617c48117d00", "vmovups zmmword ptr [rbp],zmm31", a -> a.vmovups(RBP.at(0), 31));
        wide("62e27d48185601", "vbroadcastss zmm18,dword ptr [rsi+4]", a -> a.vbroadcastss(18, RSI.at(4)));
        wide("62f27d48189606000000", "vbroadcastss zmm2,dword ptr [rsi+6]", a -> a.vbroadcastss(2, RSI.at(6)));
        wide("62c2fd48195301", "vbroadcastsd zmm18,qword ptr [r11+8]", a -> a.vbroadcastsd(18, R11.at(8)));
        wide("62e27d481a5601", "vbroadcastf32x4 zmm18,xmmword ptr [rsi+16]", a -> a.vbroadcastf32x4(18, RSI.at(16)));
        wide("62d24d400ccd", "vpermilps zmm1,zmm22,zmm13", a -> a.vpermilps(1, 22, 13));
        wide("6263fd481beb01", "vextractf64x4 ymm3,zmm29,1", a -> a.vextractf64x4(3, 29));
        wide("6213fd481bce01", "vextractf64x4 ymm30,zmm9,1", a -> a.vextractf64x4(30, 9));
        wide("6291644058df", "vaddps zmm3,zmm19,zmm31", a -> a.vaddps(3, 19, 31));
        wide("62527d40b8c8", "vfmadd231ps zmm9,zmm16,zmm8", a -> a.vfmadd231ps(9, 16, 8));
        wide(
                "62424548b84c020a",
                "vfmadd231ps zmm25,zmm7,zmmword ptr [r10+rax*1+640]",
                a -> a.vfmadd231ps(25, 7, R10.at(RAX, 1, 640)));
        wide("62b16d48dbc9", "vpandd zmm1,zmm2,zmm17", a -> a.vpand(1, 2, 17));
        wide("62e11d48db6aff", "vpandd zmm21,zmm12,zmmword ptr [rdx-64]", a -> a.vpand(21, 12, RDX.at(-64)));
        wide("62f15d4072f310", "vpslld zmm20,zmm3,16", a -> a.vpslld(20, 3, 16));
        wide("62b1654872d407", "vpsrld zmm3,zmm20,7", a -> a.vpsrld(3, 20, 7));
        wide("62817c485bca", "vcvtdq2ps zmm17,zmm26", a -> a.vcvtdq2ps(17, 26));
        wide("62f27d48214f03", "vpmovsxbd zmm1,xmmword ptr [rdi+48]", a -> a.vpmovsxbd(1, RDI.at(48)));
        wide("62e27d48218708000000", "vpmovsxbd zmm16,xmmword ptr [rdi+8]", a -> a.vpmovsxbd(16, RDI.at(8)));
        wide("62e27d48134703", "vcvtph2ps zmm16,ymmword ptr [rdi+96]", a -> a.vcvtph2ps(16, RDI.at(96)));
        wide("c5d457ed", "vxorps ymm5,ymm5,ymm5", a -> a.vxorps(5, 5, 5));
    }

    @Test
    void jumpsForthAndBack() {
        Assembler a = new Assembler();
        Label out = a.label();
        Label loop = a.here();
        a.dec(RAX);
        a.jz(out);
        a.jnz(loop);
        a.bind(out);
        a.js(loop);
        a.jns(loop);
        a.ret();
        // dec rax; je +6; jne -15; js -21; jns -27; ret
        assertThat(HexFormat.of().formatHex(a.bytes()))
                .isEqualTo("48ffc8" + "0f8406000000" + "0f85f1ffffff" + "0f88ebffffff" + "0f89e5ffffff" + "c3");
    }

    @Test
    void longCodeKeepsItsBeginning() {
        Assembler a = new Assembler();
        for (int i = 0; i < 3000; i++) {
            a.ret();
        }
        a.align(32);
        assertThat(a.bytes())
                .hasSize(3008)
                .startsWith(0xc3, 0xc3)
                .endsWith(0xc3, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90);
    }

    @Test
    void whatCannotBeSaidIsRefused() {
        Assembler a = new Assembler();
        assertThatThrownBy(() -> a.vaddps(16, 0, 0)).hasMessageContaining("vectors 0 to 15; given 16");
        assertThatThrownBy(() -> a.vpermilps(1, 2, 3)).hasMessageContaining("this assembler is of 256");
        Assembler wide = new Assembler(Assembler.Width.BITS_512);
        assertThatThrownBy(() -> wide.vaddps(0, 0, 32)).hasMessageContaining("vectors 0 to 31; given 32");
        assertThatThrownBy(() -> wide.vxorps(0, 0, 16)).hasMessageContaining("vectors 0 to 15; given 16");
        assertThatThrownBy(() -> RAX.at(RSP, 1, 0)).hasMessageContaining("RSP");
        assertThatThrownBy(() -> RAX.at(RAX, 3, 0)).hasMessageContaining("given 3");
        a.jnz(a.label());
        assertThatThrownBy(a::bytes).hasMessageContaining("no target");
        Label once = a.here();
        assertThatThrownBy(() -> a.bind(once)).hasMessageContaining("once");
    }
}
