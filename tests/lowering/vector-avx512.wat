;; cpu: avx512
;; Vectors with what AVX-512 adds.
(module
  (memory 1)
  (func (export "not") (param v128) (result v128)
    (v128.not (local.get 0)))
  (func (export "select") (param v128 v128 v128) (result v128)
    (v128.bitselect (local.get 0) (local.get 1) (v128.xor (local.get 1) (local.get 2))))
  (func (export "relaxed_select") (param v128 v128 v128) (result v128)
    (i16x8.relaxed_laneselect (local.get 0) (local.get 1) (local.get 2)))
  (func (export "quadwords") (param v128 v128 i32) (result v128)
    (i64x2.mul (i64x2.abs (local.get 0)) (i64x2.shr_s (i64x2.shr_s (local.get 1) (i32.const 5)) (local.get 2))))
  (func (export "counts") (param v128) (result v128)
    (i8x16.popcnt (local.get 0)))
  (func (export "rotate") (param v128) (result v128) (local $x v128)
    (v128.or
      (i32x4.shl (local.tee $x (v128.xor (local.get 0) (i8x16.shuffle 1 2 3 0 5 6 7 4 9 10 11 8 13 14 15 12 (local.get 0) (local.get 0)))) (i32.const 7))
      (i32x4.shr_u (local.get $x) (i32.const 25))))
  (func (export "splats") (param i32 i64) (result v128)
    (v128.or (i8x16.splat (local.get 0)) (v128.or (i16x8.splat (i32.load (local.get 0))) (i64x2.splat (local.get 1)))))
  (func (export "to_float") (param v128) (result v128)
    (f64x2.add (f64x2.convert_low_i32x4_u (local.get 0)) (f32x4.convert_i32x4_u (local.get 0))))
  (func (export "to_int") (param v128) (result v128)
    (v128.or (i32x4.trunc_sat_f32x4_u (local.get 0)) (i32x4.trunc_sat_f64x2_u_zero (local.get 0))))
  (func (export "relaxed_to_int") (param v128) (result v128)
    (v128.or (i32x4.relaxed_trunc_f32x4_u (local.get 0)) (i32x4.relaxed_trunc_f64x2_u_zero (local.get 0))))
  (func (export "shuffle_any") (param v128 v128) (result v128)
    (i8x16.shuffle 0 31 1 30 2 29 3 28 4 27 5 26 6 25 7 24 (local.get 0) (local.get 1)))
  ;; Thirteen variables: two are in registers of the upper half.
  (func (export "many") (param i32) (result v128) (local v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128 v128)
    (loop $again
      (local.set 1 (i32x4.add (local.get 1) (local.get 2)))
      (local.set 2 (i32x4.add (local.get 2) (local.get 3)))
      (local.set 3 (i32x4.add (local.get 3) (local.get 4)))
      (local.set 4 (i32x4.add (local.get 4) (local.get 5)))
      (local.set 5 (i32x4.add (local.get 5) (local.get 6)))
      (local.set 6 (i32x4.add (local.get 6) (local.get 7)))
      (local.set 7 (i32x4.add (local.get 7) (local.get 8)))
      (local.set 8 (i32x4.add (local.get 8) (local.get 9)))
      (local.set 9 (i32x4.add (local.get 9) (local.get 10)))
      (local.set 10 (i32x4.add (local.get 10) (local.get 11)))
      (local.set 11 (i32x4.add (local.get 11) (local.get 12)))
      (local.set 12 (i32x4.add (local.get 12) (local.get 13)))
      (local.set 13 (i32x4.add (local.get 13) (local.get 1)))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 13))
)

;; function 0:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm0, xmm8
;;     vpternlogd xmm0, xmm0, xmm0, 0x55
;;     ret

;; function 1:
;;     vmovaps xmm8, xmm1
;;     vmovaps xmm9, xmm0
;;     vmovaps xmm10, xmm2
;;     vpxor xmm0, xmm8, xmm10
;;     vpternlogd xmm0, xmm9, xmm8, 0xCA
;;     ret

;; function 2:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vmovaps xmm10, xmm2
;;     vmovaps xmm0, xmm10
;;     vpternlogd xmm0, xmm8, xmm9, 0xCA
;;     ret

;; function 3:
;;     vmovaps xmm8, xmm0
;;     vmovaps xmm9, xmm1
;;     vpabsq xmm0, xmm8
;;     vpsraq xmm1, xmm9, 5
;;     mov eax, edi
;;     and eax, 0x3F
;;     vmovd xmm15, eax
;;     vpsraq xmm2, xmm1, xmm15
;;     vpmullq xmm1, xmm0, xmm2
;;     vmovaps xmm0, xmm1
;;     ret

;; function 4:
;;     vmovaps xmm8, xmm0
;;     vpopcntb xmm0, xmm8
;;     ret

;; function 5:
;;     vmovaps xmm9, xmm0
;;     vprold xmm0, xmm9, 0x18
;;     vpxor xmm8, xmm9, xmm0
;;     vprold xmm0, xmm8, 7
;;     ret

;; function 6:
;;     vpbroadcastb xmm0, edi
;;     mov eax, [r15+rdi]
;;     vpbroadcastw xmm1, eax
;;     vpbroadcastq xmm2, rsi
;;     vpor xmm1, xmm1, xmm2
;;     vpor xmm0, xmm0, xmm1
;;     ret

;; function 7:
;;     vmovaps xmm8, xmm0
;;     vcvtudq2pd xmm0, xmm8
;;     vcvtudq2ps xmm1, xmm8
;;     vaddpd xmm0, xmm0, xmm1
;;     ret

;; function 8:
;;     vmovaps xmm8, xmm0
;;     vpxor xmm15, xmm15, xmm15
;;     vmaxps xmm0, xmm8, xmm15
;;     vcvttps2udq xmm0, xmm0
;;     vpxor xmm15, xmm15, xmm15
;;     vmaxpd xmm1, xmm8, xmm15
;;     vcvttpd2udq xmm1, xmm1
;;     vpor xmm0, xmm0, xmm1
;;     ret

;; function 9:
;;     vmovaps xmm8, xmm0
;;     vcvttps2udq xmm0, xmm8
;;     vcvttpd2udq xmm1, xmm8
;;     vpor xmm0, xmm0, xmm1
;;     ret

;; function 10:
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

;; function 11:
;;     sub rsp, 0x20
;;     vxorps xmm9, xmm9, xmm9
;;     vxorps xmm10, xmm10, xmm10
;;     vxorps xmm11, xmm11, xmm11
;;     vxorps xmm12, xmm12, xmm12
;;     vxorps xmm13, xmm13, xmm13
;;     vxorps xmm14, xmm14, xmm14
;;     vxorps xmm4, xmm4, xmm4
;;     vxorps xmm5, xmm5, xmm5
;;     vxorps xmm6, xmm6, xmm6
;;     vxorps xmm7, xmm7, xmm7
;;     vxorps xmm15, xmm15, xmm15
;;     vmovaps xmm16, xmm15
;;     vxorps xmm15, xmm15, xmm15
;;     vmovaps xmm17, xmm15
;;     vxorps xmm8, xmm8, xmm8
;;     (aligned)
;; .1:
;;     vpaddd xmm9, xmm9, xmm10
;;     vpaddd xmm10, xmm10, xmm11
;;     vpaddd xmm11, xmm11, xmm12
;;     vpaddd xmm12, xmm12, xmm13
;;     vpaddd xmm13, xmm13, xmm14
;;     vpaddd xmm14, xmm14, xmm4
;;     vpaddd xmm4, xmm4, xmm5
;;     vpaddd xmm5, xmm5, xmm6
;;     vpaddd xmm6, xmm6, xmm7
;;     vmovaps xmm0, xmm16
;;     vpaddd xmm7, xmm7, xmm0
;;     vmovaps xmm1, xmm17
;;     vpaddd xmm2, xmm0, xmm1
;;     vmovaps xmm16, xmm2
;;     vpaddd xmm0, xmm1, xmm8
;;     vmovaps xmm17, xmm0
;;     vpaddd xmm8, xmm8, xmm9
;;     add edi, 0xFFFFFFFF
;;     test edi, edi
;;     jne short .1
;;     vmovaps xmm0, xmm8
;;     add rsp, 0x20
;;     ret
