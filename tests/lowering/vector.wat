;; Vectors with AVX2 and FMA.
(module
  (memory 1)
  (func (export "add_load") (param i32 v128) (result v128)
    (i32x4.add (v128.load offset=16 (local.get 0)) (local.get 1)))
  (func (export "constants") (param v128) (result v128)
    (v128.and (i32x4.mul (local.get 0) (v128.const i32x4 3 3 3 3)) (v128.const i64x2 -1 -1)))
  (func (export "sum") (param i32 i32) (result v128) (local $sum v128)
    (loop $again
      (local.set $sum (f32x4.add (local.get $sum) (f32x4.mul (v128.load (local.get 0)) (v128.load offset=16 (local.get 0)))))
      (local.set 0 (i32.add (local.get 0) (i32.const 32)))
      (br_if $again (i32.lt_u (local.get 0) (local.get 1))))
    (local.get $sum))
  (func (export "shifts") (param v128 i32) (result v128)
    (i8x16.shl (i16x8.shr_s (i32x4.shl (local.get 0) (local.get 1)) (i32.const 3)) (i32.const 5)))
  (func (export "bytes_shifted") (param v128 i32) (result v128)
    (i8x16.shr_s (i8x16.shr_u (local.get 0) (i32.const 2)) (local.get 1)))
  (func (export "lanes") (param v128 i32 f64) (result v128)
    (f64x2.replace_lane 1 (i16x8.replace_lane 2 (i8x16.splat (i8x16.extract_lane_s 9 (local.get 0))) (local.get 1)) (local.get 2)))
  (func (export "lane_memory") (param i32 v128)
    (v128.store16_lane offset=2 3 (local.get 0) (v128.load32_lane offset=8 1 (local.get 0) (local.get 1)))
    (v128.store64_lane 1 (local.get 0) (v128.load8_splat (local.get 0))))
  (func (export "compares") (param v128 v128) (result v128)
    (v128.or (i8x16.lt_u (local.get 0) (local.get 1)) (i64x2.gt_s (local.get 0) (i16x8.ge_s (local.get 0) (local.get 1)))))
  (func (export "select") (param v128 v128 v128) (result v128)
    (v128.bitselect (local.get 0) (local.get 1) (v128.not (local.get 2))))
  (func (export "tests") (param v128) (result i32)
    (i32.add (v128.any_true (local.get 0)) (i32.add (i32x4.all_true (local.get 0)) (i16x8.bitmask (local.get 0)))))
  (func (export "floats") (param v128 v128) (result v128)
    (f32x4.max (f32x4.min (local.get 0) (local.get 1)) (f32x4.pmin (f32x4.abs (local.get 0)) (f32x4.nearest (local.get 1)))))
  (func (export "conversions") (param v128) (result v128)
    (i32x4.add (i32x4.trunc_sat_f32x4_s (f32x4.convert_i32x4_u (local.get 0))) (i32x4.trunc_sat_f64x2_u_zero (f64x2.convert_low_i32x4_s (local.get 0)))))
  (func (export "products") (param v128 v128) (result v128)
    (i64x2.mul (i64x2.extmul_high_i32x4_s (local.get 0) (local.get 1)) (i32x4.dot_i16x8_s (local.get 0) (local.get 1))))
  (func (export "counts") (param v128) (result v128)
    (i16x8.extadd_pairwise_i8x16_u (i8x16.popcnt (local.get 0))))
  (func (export "swizzle") (param v128 v128) (result v128)
    (i8x16.swizzle (local.get 0) (local.get 1)))
  (func (export "shuffle_dwords") (param v128 v128) (result v128)
    (i8x16.shuffle 4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11 (local.get 0) (local.get 1)))
  (func (export "shuffle_unpack") (param v128 v128) (result v128)
    (i8x16.shuffle 8 9 24 25 10 11 26 27 12 13 28 29 14 15 30 31 (local.get 0) (local.get 1)))
  (func (export "shuffle_window") (param v128 v128) (result v128)
    (i8x16.shuffle 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 (local.get 0) (local.get 1)))
  (func (export "shuffle_blend") (param v128 v128) (result v128)
    (i8x16.shuffle 0 1 18 19 4 5 6 7 24 25 10 11 12 13 30 31 (local.get 0) (local.get 1)))
  (func (export "shuffle_any") (param v128 v128) (result v128)
    (i8x16.shuffle 0 31 1 30 2 29 3 28 4 27 5 26 6 25 7 24 (local.get 0) (local.get 1)))
  (func (export "relaxed") (param v128 v128 v128) (result v128)
    (f64x2.relaxed_madd (i8x16.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)) (f32x4.relaxed_min (local.get 0) (local.get 1)) (local.get 2)))
  (func (export "branches") (param i32) (result i32)
    (loop $again
      (local.set 0 (i32.add (local.get 0) (i32.const 16)))
      (br_if $again (i32.eqz (v128.any_true (i8x16.eq (v128.load (local.get 0)) (v128.const i8x16 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10 10))))))
    (select (local.get 0) (i32.const 0) (i16x8.all_true (v128.load (local.get 0)))))
  (func (export "bytes_shifted_by") (param v128 i32) (result v128)
    (i8x16.shl (i8x16.shr_u (local.get 0) (local.get 1)) (local.get 1)))
  (func (export "rotate") (param v128) (result v128) (local $x v128)
    (v128.or
      (i32x4.shl (local.tee $x (v128.xor (local.get 0) (i8x16.shuffle 1 2 3 0 5 6 7 4 9 10 11 8 13 14 15 12 (local.get 0) (local.get 0)))) (i32.const 7))
      (i32x4.shr_u (local.get $x) (i32.const 25))))
)

;; function 0:
;;     vmovaps xmm8, xmm0
;;     vpaddd xmm0, xmm8, [r15+rdi+0x10]
;;     ret

;; function 1:
;;     vmovaps xmm8, xmm0
;;     vpmulld xmm0, xmm8, [rip+.1]
;;     vpcmpeqd xmm1, xmm1, xmm1
;;     vpand xmm0, xmm0, xmm1
;;     ret
;; .1:
;;     03 00 00 00 03 00 00 00
;;     03 00 00 00 03 00 00 00

;; function 2:
;;     vxorps xmm8, xmm8, xmm8
;;     (aligned)
;; .1:
;;     vmovups xmm0, [r15+rdi]
;;     vmulps xmm0, xmm0, [r15+rdi+0x10]
;;     vaddps xmm8, xmm8, xmm0
;;     add edi, 0x20
;;     cmp edi, esi
;;     jb short .1
;;     vmovaps xmm0, xmm8
;;     ret

;; function 3:
;;     vmovaps xmm8, xmm0
;;     mov eax, edi
;;     and eax, 0x1F
;;     vmovd xmm15, eax
;;     vpslld xmm0, xmm8, xmm15
;;     vpsraw xmm0, xmm0, 3
;;     vpsllw xmm0, xmm0, 5
;;     vpand xmm0, xmm0, [rip+.1]
;;     ret
;; .1:
;;     e0 e0 e0 e0 e0 e0 e0 e0
;;     e0 e0 e0 e0 e0 e0 e0 e0

;; function 4:
;;     vmovaps xmm8, xmm0
;;     vpsrlw xmm0, xmm8, 2
;;     vpand xmm0, xmm0, [rip+.1]
;;     mov eax, edi
;;     and eax, 7
;;     add eax, 8
;;     vmovd xmm15, eax
;;     vpunpckhbw xmm2, xmm0, xmm0
;;     vpsraw xmm2, xmm2, xmm15
;;     vpunpcklbw xmm1, xmm0, xmm0
;;     vpsraw xmm1, xmm1, xmm15
;;     vpacksswb xmm1, xmm1, xmm2
;;     vmovaps xmm0, xmm1
;;     ret
;; .1:
;;     3f 3f 3f 3f 3f 3f 3f 3f
;;     3f 3f 3f 3f 3f 3f 3f 3f

;; function 5:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpextrb eax, xmm8, 9
;;     movsx eax, al
;;     vmovd xmm0, eax
;;     vpbroadcastb xmm0, xmm0
;;     vpinsrw xmm0, xmm0, edi, 2
;;     vpunpcklqdq xmm0, xmm0, xmm9
;;     ret

;; function 6:
;;     vmovaps xmm8, xmm0
;;     vpinsrd xmm0, xmm8, [r15+rdi+8], 1
;;     vpextrw [r15+rdi+2], xmm0, 3
;;     vpbroadcastb xmm0, [r15+rdi]
;;     vmovhps [r15+rdi], xmm0
;;     ret

;; function 7:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpxor xmm15, xmm8, [rip+.1]
;;     vpxor xmm0, xmm9, [rip+.1]
;;     vpcmpgtb xmm0, xmm0, xmm15
;;     vpmaxsw xmm1, xmm8, xmm9
;;     vpcmpeqw xmm1, xmm1, xmm8
;;     vpcmpgtq xmm2, xmm8, xmm1
;;     vpor xmm0, xmm0, xmm2
;;     ret
;; .1:
;;     80 80 80 80 80 80 80 80
;;     80 80 80 80 80 80 80 80

;; function 8:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vmovaps xmm10, xmm2
;;     vpcmpeqd xmm15, xmm15, xmm15
;;     vpxor xmm0, xmm10, xmm15
;;     vpxor xmm1, xmm8, xmm9
;;     vpand xmm1, xmm1, xmm0
;;     vpxor xmm1, xmm1, xmm9
;;     vmovaps xmm0, xmm1
;;     ret

;; function 9:
;;     vmovaps xmm8, xmm0
;;     vpacksswb xmm15, xmm8, xmm8
;;     vpmovmskb eax, xmm15
;;     movzx eax, al
;;     xor ecx, ecx
;;     vpxor xmm15, xmm15, xmm15
;;     vpcmpeqd xmm15, xmm15, xmm8
;;     vptest xmm15, xmm15
;;     sete cl
;;     add ecx, eax
;;     xor eax, eax
;;     vptest xmm8, xmm8
;;     setne al
;;     add eax, ecx
;;     ret

;; function 10:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vminps xmm0, xmm8, xmm9
;;     vminps xmm15, xmm9, xmm8
;;     vorps xmm15, xmm15, xmm0
;;     vcmpunordps xmm0, xmm0, xmm15
;;     vorps xmm15, xmm15, xmm0
;;     vpsrld xmm0, xmm0, 0xA
;;     vandnps xmm0, xmm0, xmm15
;;     vandps xmm1, xmm8, [rip+.1]
;;     vroundps xmm2, xmm9, 8
;;     vminps xmm2, xmm2, xmm1
;;     vmaxps xmm1, xmm0, xmm2
;;     vmaxps xmm15, xmm2, xmm0
;;     vxorps xmm1, xmm1, xmm15
;;     vorps xmm15, xmm15, xmm1
;;     vsubps xmm15, xmm15, xmm1
;;     vcmpunordps xmm1, xmm1, xmm15
;;     vorps xmm15, xmm15, xmm1
;;     vpsrld xmm1, xmm1, 0xA
;;     vandnps xmm1, xmm1, xmm15
;;     vmovaps xmm0, xmm1
;;     ret
;; .1:
;;     ff ff ff 7f ff ff ff 7f
;;     ff ff ff 7f ff ff ff 7f

;; function 11:
;;     vmovaps xmm8, xmm0
;;     vpslld xmm15, xmm8, 0x10
;;     vpsrld xmm15, xmm15, 0x10
;;     vpsubd xmm0, xmm8, xmm15
;;     vcvtdq2ps xmm15, xmm15
;;     vpsrld xmm0, xmm0, 1
;;     vcvtdq2ps xmm0, xmm0
;;     vaddps xmm0, xmm0, xmm0
;;     vaddps xmm0, xmm0, xmm15
;;     vmovups xmm15, [rip+.1]
;;     vcmpleps xmm15, xmm15, xmm0
;;     vcvttps2dq xmm1, xmm0
;;     vpxor xmm1, xmm1, xmm15
;;     vcmpordps xmm15, xmm0, xmm0
;;     vpand xmm1, xmm1, xmm15
;;     vcvtdq2pd xmm0, xmm8
;;     vpxor xmm15, xmm15, xmm15
;;     vmaxpd xmm2, xmm0, xmm15
;;     vminpd xmm2, xmm2, [rip+.2]
;;     vroundpd xmm2, xmm2, 0xB
;;     vaddpd xmm2, xmm2, [rip+.3]
;;     vshufps xmm2, xmm2, xmm15, 0x88
;;     vpaddd xmm0, xmm1, xmm2
;;     ret
;; .1:
;;     00 00 00 4f 00 00 00 4f
;;     00 00 00 4f 00 00 00 4f
;; .2:
;;     00 00 e0 ff ff ff ef 41
;;     00 00 e0 ff ff ff ef 41
;; .3:
;;     00 00 00 00 00 00 30 43
;;     00 00 00 00 00 00 30 43

;; function 12:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpshufd xmm15, xmm8, 0xFA
;;     vpshufd xmm0, xmm9, 0xFA
;;     vpmuldq xmm0, xmm0, xmm15
;;     vpmaddwd xmm1, xmm8, xmm9
;;     vpsrlq xmm15, xmm0, 0x20
;;     vpmuludq xmm15, xmm15, xmm1
;;     vpsrlq xmm2, xmm1, 0x20
;;     vpmuludq xmm2, xmm2, xmm0
;;     vpaddq xmm15, xmm15, xmm2
;;     vpsllq xmm15, xmm15, 0x20
;;     vpmuludq xmm2, xmm0, xmm1
;;     vpaddq xmm2, xmm2, xmm15
;;     vmovaps xmm0, xmm2
;;     ret

;; function 13:
;;     vmovaps xmm8, xmm0
;;     vpand xmm15, xmm8, [rip+.1]
;;     vpsrlw xmm0, xmm8, 4
;;     vpand xmm0, xmm0, [rip+.1]
;;     vmovups xmm1, [rip+.2]
;;     vpshufb xmm1, xmm1, xmm15
;;     vmovups xmm15, [rip+.2]
;;     vpshufb xmm15, xmm15, xmm0
;;     vpaddb xmm0, xmm15, xmm1
;;     vpmaddubsw xmm1, xmm0, [rip+.3]
;;     vmovaps xmm0, xmm1
;;     ret
;; .1:
;;     0f 0f 0f 0f 0f 0f 0f 0f
;;     0f 0f 0f 0f 0f 0f 0f 0f
;; .2:
;;     00 01 01 02 01 02 02 03
;;     01 02 02 03 02 03 03 04
;; .3:
;;     01 01 01 01 01 01 01 01
;;     01 01 01 01 01 01 01 01

;; function 14:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpaddusb xmm15, xmm9, [rip+.1]
;;     vpshufb xmm0, xmm8, xmm15
;;     ret
;; .1:
;;     70 70 70 70 70 70 70 70
;;     70 70 70 70 70 70 70 70

;; function 15:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpshufd xmm0, xmm8, 0xB1
;;     ret

;; function 16:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpunpckhwd xmm0, xmm8, xmm9
;;     ret

;; function 17:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpalignr xmm0, xmm9, xmm8, 3
;;     ret

;; function 18:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpblendw xmm0, xmm8, xmm9, 0x92
;;     ret

;; function 19:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpshufb xmm0, xmm8, [rip+.1]
;;     vpshufb xmm15, xmm9, [rip+.2]
;;     vpor xmm0, xmm0, xmm15
;;     ret
;; .1:
;;     00 80 01 80 02 80 03 80
;;     04 80 05 80 06 80 07 80
;; .2:
;;     80 0f 80 0e 80 0d 80 0c
;;     80 0b 80 0a 80 09 80 08

;; function 20:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vmovaps xmm10, xmm2
;;     vpblendvb xmm0, xmm9, xmm8, xmm10
;;     vminps xmm1, xmm8, xmm9
;;     vmovaps xmm2, xmm10
;;     vfmadd231pd xmm2, xmm0, xmm1
;;     vmovaps xmm0, xmm2
;;     ret

;; function 21:
;;     vmovups xmm14, [rip+.2]
;;     (aligned)
;; .1:
;;     add edi, 0x10
;;     vpcmpeqb xmm0, xmm14, [r15+rdi]
;;     vptest xmm0, xmm0
;;     je short .1
;;     vmovups xmm0, [r15+rdi]
;;     vpxor xmm15, xmm15, xmm15
;;     vpcmpeqw xmm15, xmm15, xmm0
;;     vptest xmm15, xmm15
;;     mov eax, 0
;;     mov ecx, edi
;;     cmovne ecx, eax
;;     mov eax, ecx
;;     ret
;; .2:
;;     0a 0a 0a 0a 0a 0a 0a 0a
;;     0a 0a 0a 0a 0a 0a 0a 0a

;; function 22:
;;     vmovaps xmm8, xmm0
;;     mov eax, edi
;;     and eax, 7
;;     vmovd xmm15, eax
;;     vmovups xmm1, [rip+.1]
;;     vpsrlw xmm1, xmm1, xmm15
;;     vpackuswb xmm1, xmm1, xmm1
;;     vpsrlw xmm0, xmm8, xmm15
;;     vpand xmm0, xmm0, xmm1
;;     mov eax, edi
;;     and eax, 7
;;     vmovd xmm15, eax
;;     vmovups xmm1, [rip+.1]
;;     vpsrlw xmm1, xmm1, xmm15
;;     vpackuswb xmm1, xmm1, xmm1
;;     vpand xmm1, xmm1, xmm0
;;     vpsllw xmm1, xmm1, xmm15
;;     vmovaps xmm0, xmm1
;;     ret
;; .1:
;;     ff 00 ff 00 ff 00 ff 00
;;     ff 00 ff 00 ff 00 ff 00

;; function 23:
;;     vmovaps xmm9, xmm0
;;     vpshufb xmm0, xmm9, [rip+.1]
;;     vpxor xmm8, xmm9, xmm0
;;     vpslld xmm15, xmm8, 7
;;     vpsrld xmm0, xmm8, 0x19
;;     vpor xmm0, xmm0, xmm15
;;     ret
;; .1:
;;     01 02 03 00 05 06 07 04
;;     09 0a 0b 08 0d 0e 0f 0c
