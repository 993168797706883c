;; cpu: baseline
;; Vectors with SSE4.1.
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
  (func (export "rotate") (param v128) (result v128) (local $x v128)
    (v128.or
      (i32x4.shl (local.tee $x (v128.xor (local.get 0) (i8x16.shuffle 1 2 3 0 5 6 7 4 9 10 11 8 13 14 15 12 (local.get 0) (local.get 0)))) (i32.const 7))
      (i32x4.shr_u (local.get $x) (i32.const 25))))
)

;; function 0:
;;     movaps xmm8, xmm0
;;     movups xmm0, [r15+rdi+0x10]
;;     paddd xmm0, xmm8
;;     ret

;; function 1:
;;     movaps xmm8, xmm0
;;     movaps xmm0, xmm8
;;     pmulld xmm0, [rip+.1]
;;     pcmpeqd xmm1, xmm1
;;     pand xmm0, xmm1
;;     ret
;; .1:
;;     03 00 00 00 03 00 00 00
;;     03 00 00 00 03 00 00 00

;; function 2:
;;     xorps xmm8, xmm8
;;     (aligned)
;; .1:
;;     movups xmm0, [r15+rdi]
;;     movups xmm1, [r15+rdi+0x10]
;;     mulps xmm0, xmm1
;;     addps xmm0, xmm8
;;     movaps xmm8, xmm0
;;     add edi, 0x20
;;     cmp edi, esi
;;     jb short .1
;;     movaps xmm0, xmm8
;;     ret

;; function 3:
;;     movaps xmm8, xmm0
;;     mov eax, edi
;;     and eax, 0x1F
;;     movd xmm15, eax
;;     movaps xmm0, xmm8
;;     pslld xmm0, xmm15
;;     psraw xmm0, 3
;;     psllw xmm0, 5
;;     pand xmm0, [rip+.1]
;;     ret
;; .1:
;;     e0 e0 e0 e0 e0 e0 e0 e0
;;     e0 e0 e0 e0 e0 e0 e0 e0

;; function 4:
;;     movaps xmm8, xmm0
;;     movaps xmm0, xmm8
;;     psrlw xmm0, 2
;;     pand xmm0, [rip+.1]
;;     mov eax, edi
;;     and eax, 7
;;     add eax, 8
;;     movd xmm15, eax
;;     movaps xmm2, xmm0
;;     punpckhbw xmm2, xmm0
;;     psraw xmm2, xmm15
;;     movaps xmm1, xmm0
;;     punpcklbw xmm1, xmm0
;;     psraw xmm1, xmm15
;;     packsswb xmm1, xmm2
;;     movaps xmm0, xmm1
;;     ret
;; .1:
;;     3f 3f 3f 3f 3f 3f 3f 3f
;;     3f 3f 3f 3f 3f 3f 3f 3f

;; function 5:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     pextrb eax, xmm8, 9
;;     movsx eax, al
;;     movd xmm0, eax
;;     pxor xmm15, xmm15
;;     pshufb xmm0, xmm15
;;     pinsrw xmm0, edi, 2
;;     punpcklqdq xmm0, xmm9
;;     ret

;; function 6:
;;     movaps xmm8, xmm0
;;     movaps xmm0, xmm8
;;     pinsrd xmm0, [r15+rdi+8], 1
;;     pextrw [r15+rdi+2], xmm0, 3
;;     pxor xmm0, xmm0
;;     pinsrb xmm0, [r15+rdi], 0
;;     pxor xmm15, xmm15
;;     pshufb xmm0, xmm15
;;     movhps [r15+rdi], xmm0
;;     ret

;; function 7:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm15, xmm8
;;     pxor xmm15, [rip+.1]
;;     movaps xmm0, xmm9
;;     pxor xmm0, [rip+.1]
;;     pcmpgtb xmm0, xmm15
;;     movaps xmm1, xmm8
;;     pmaxsw xmm1, xmm9
;;     pcmpeqw xmm1, xmm8
;;     movaps xmm2, xmm1
;;     psubq xmm2, xmm8
;;     movaps xmm15, xmm8
;;     pcmpeqd xmm15, xmm1
;;     pand xmm2, xmm15
;;     movaps xmm15, xmm8
;;     pcmpgtd xmm15, xmm1
;;     por xmm2, xmm15
;;     pshufd xmm2, xmm2, 0xF5
;;     por xmm0, xmm2
;;     ret
;; .1:
;;     80 80 80 80 80 80 80 80
;;     80 80 80 80 80 80 80 80

;; function 8:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm10, xmm2
;;     pcmpeqd xmm15, xmm15
;;     movaps xmm0, xmm10
;;     pxor xmm0, xmm15
;;     movaps xmm1, xmm8
;;     pxor xmm1, xmm9
;;     pand xmm1, xmm0
;;     pxor xmm1, xmm9
;;     movaps xmm0, xmm1
;;     ret

;; function 9:
;;     movaps xmm8, xmm0
;;     movaps xmm15, xmm8
;;     packsswb xmm15, xmm8
;;     pmovmskb eax, xmm15
;;     movzx eax, al
;;     xor ecx, ecx
;;     pxor xmm15, xmm15
;;     pcmpeqd xmm15, xmm8
;;     ptest xmm15, xmm15
;;     sete cl
;;     add ecx, eax
;;     xor eax, eax
;;     ptest xmm8, xmm8
;;     setne al
;;     add eax, ecx
;;     ret

;; function 10:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     minps xmm0, xmm9
;;     movaps xmm15, xmm9
;;     minps xmm15, xmm8
;;     orps xmm15, xmm0
;;     cmpunordps xmm0, xmm15
;;     orps xmm15, xmm0
;;     psrld xmm0, 0xA
;;     andnps xmm0, xmm15
;;     movaps xmm1, xmm8
;;     andps xmm1, [rip+.1]
;;     roundps xmm2, xmm9, 8
;;     minps xmm2, xmm1
;;     movaps xmm1, xmm0
;;     maxps xmm1, xmm2
;;     movaps xmm15, xmm2
;;     maxps xmm15, xmm0
;;     xorps xmm1, xmm15
;;     orps xmm15, xmm1
;;     subps xmm15, xmm1
;;     cmpunordps xmm1, xmm15
;;     orps xmm15, xmm1
;;     psrld xmm1, 0xA
;;     andnps xmm1, xmm15
;;     movaps xmm0, xmm1
;;     ret
;; .1:
;;     ff ff ff 7f ff ff ff 7f
;;     ff ff ff 7f ff ff ff 7f

;; function 11:
;;     movaps xmm8, xmm0
;;     movaps xmm15, xmm8
;;     pslld xmm15, 0x10
;;     psrld xmm15, 0x10
;;     movaps xmm0, xmm8
;;     psubd xmm0, xmm15
;;     cvtdq2ps xmm15, xmm15
;;     psrld xmm0, 1
;;     cvtdq2ps xmm0, xmm0
;;     addps xmm0, xmm0
;;     addps xmm0, xmm15
;;     movups xmm15, [rip+.1]
;;     cmpleps xmm15, xmm0
;;     cvttps2dq xmm1, xmm0
;;     pxor xmm1, xmm15
;;     movaps xmm15, xmm0
;;     cmpordps xmm15, xmm0
;;     pand xmm1, xmm15
;;     cvtdq2pd xmm0, xmm8
;;     pxor xmm15, xmm15
;;     movaps xmm2, xmm0
;;     maxpd xmm2, xmm15
;;     minpd xmm2, [rip+.2]
;;     roundpd xmm2, xmm2, 0xB
;;     addpd xmm2, [rip+.3]
;;     shufps xmm2, xmm15, 0x88
;;     movaps xmm0, xmm1
;;     paddd xmm0, xmm2
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
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     pshufd xmm15, xmm8, 0xFA
;;     pshufd xmm0, xmm9, 0xFA
;;     pmuldq xmm0, xmm15
;;     movaps xmm1, xmm8
;;     pmaddwd xmm1, xmm9
;;     movaps xmm15, xmm0
;;     psrlq xmm15, 0x20
;;     pmuludq xmm15, xmm1
;;     movaps xmm2, xmm1
;;     psrlq xmm2, 0x20
;;     pmuludq xmm2, xmm0
;;     paddq xmm15, xmm2
;;     psllq xmm15, 0x20
;;     movaps xmm2, xmm0
;;     pmuludq xmm2, xmm1
;;     paddq xmm2, xmm15
;;     movaps xmm0, xmm2
;;     ret

;; function 13:
;;     movaps xmm8, xmm0
;;     movaps xmm15, xmm8
;;     pand xmm15, [rip+.1]
;;     movaps xmm0, xmm8
;;     psrlw xmm0, 4
;;     pand xmm0, [rip+.1]
;;     movups xmm1, [rip+.2]
;;     pshufb xmm1, xmm15
;;     movups xmm15, [rip+.2]
;;     pshufb xmm15, xmm0
;;     movaps xmm0, xmm15
;;     paddb xmm0, xmm1
;;     movaps xmm1, xmm0
;;     pmaddubsw xmm1, [rip+.3]
;;     movaps xmm0, xmm1
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
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm15, xmm9
;;     paddusb xmm15, [rip+.1]
;;     movaps xmm0, xmm8
;;     pshufb xmm0, xmm15
;;     ret
;; .1:
;;     70 70 70 70 70 70 70 70
;;     70 70 70 70 70 70 70 70

;; function 15:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     pshufd xmm0, xmm8, 0xB1
;;     ret

;; function 16:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     punpckhwd xmm0, xmm9
;;     ret

;; function 17:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm9
;;     palignr xmm0, xmm8, 3
;;     ret

;; function 18:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     pblendw xmm0, xmm9, 0x92
;;     ret

;; function 19:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm0, xmm8
;;     pshufb xmm0, [rip+.1]
;;     movaps xmm15, xmm9
;;     pshufb xmm15, [rip+.2]
;;     por xmm0, xmm15
;;     ret
;; .1:
;;     00 80 01 80 02 80 03 80
;;     04 80 05 80 06 80 07 80
;; .2:
;;     80 0f 80 0e 80 0d 80 0c
;;     80 0b 80 0a 80 09 80 08

;; function 20:
;;     movaps xmm8, xmm0
;;     movaps xmm9, xmm1
;;     movaps xmm10, xmm2
;;     movaps xmm0, xmm8
;;     pxor xmm0, xmm9
;;     pand xmm0, xmm10
;;     pxor xmm0, xmm9
;;     movaps xmm1, xmm8
;;     minps xmm1, xmm9
;;     movaps xmm2, xmm0
;;     mulpd xmm2, xmm1
;;     addpd xmm2, xmm10
;;     movaps xmm0, xmm2
;;     ret

;; function 21:
;;     movups xmm14, [rip+.2]
;;     (aligned)
;; .1:
;;     add edi, 0x10
;;     movups xmm0, [r15+rdi]
;;     pcmpeqb xmm0, xmm14
;;     ptest xmm0, xmm0
;;     je short .1
;;     movups xmm0, [r15+rdi]
;;     pxor xmm15, xmm15
;;     pcmpeqw xmm15, xmm0
;;     ptest xmm15, xmm15
;;     mov eax, 0
;;     mov ecx, edi
;;     cmovne ecx, eax
;;     mov eax, ecx
;;     ret
;; .2:
;;     0a 0a 0a 0a 0a 0a 0a 0a
;;     0a 0a 0a 0a 0a 0a 0a 0a

;; function 22:
;;     movaps xmm9, xmm0
;;     movaps xmm0, xmm9
;;     pshufb xmm0, [rip+.1]
;;     movaps xmm8, xmm0
;;     pxor xmm8, xmm9
;;     movaps xmm15, xmm8
;;     pslld xmm15, 7
;;     movaps xmm0, xmm8
;;     psrld xmm0, 0x19
;;     por xmm0, xmm15
;;     ret
;; .1:
;;     01 02 03 00 05 06 07 04
;;     09 0a 0b 08 0d 0e 0f 0c
