;; Loops, jump tables, merge variables, prologues for the pins in use.
(module
  (func $empty)
  (func $identity (param i32) (result i32) (local.get 0))
  (func $sum (param i32) (result i32) (local i32)
    (loop
      (local.set 1 (i32.add (local.get 1) (local.get 0)))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 1))
  (func $nested (param i32 i32) (result i32) (local i32 i32)
    (loop
      (local.set 2 (local.get 1))
      (loop
        (local.set 3 (i32.add (local.get 3) (i32.mul (local.get 2) (local.get 0))))
        (br_if 0 (local.tee 2 (i32.sub (local.get 2) (i32.const 1)))))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
    (local.get 3))
  (func $merge (param i32) (result i32)
    (block (result i32)
      (i32.const 1)
      (br_if 0 (local.get 0))
      (drop)
      (i32.const 2)))
  (func $loop_parameter (param i32) (result i64)
    (i64.const 1)
    (loop (param i64) (result i64)
      (i64.add (i64.const 3))
      (br_if 0 (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
  (func $short_table (param i32) (result i32)
    (block (block (block (br_table 0 1 2 (local.get 0))) (return (i32.const 10))) (return (i32.const 11)))
    (i32.const 12))
  (func $jump_table (param i32) (result i32)
    (block (block (block (block (block (block (block
      (br_table 0 1 2 3 4 5 6 (local.get 0)))
      (return (i32.const 10))) (return (i32.const 11))) (return (i32.const 12))) (return (i32.const 13)))
      (return (i32.const 14))) (return (i32.const 15)))
    (i32.const 16))
  (func $unreachable unreachable)
  (global $g (mut i32) (i32.const 0))
  (func $global (global.set $g (i32.add (global.get $g) (i32.const 1))))
  (global $f (mut f64) (f64.const 0))
  (func $float_global (param f64) (result f64) (global.get $f) (global.set $f (local.get 0)))
)

;; function 0 $empty:
;;     ret

;; function 1 $identity:
;;     mov eax, edi
;;     ret

;; function 2 $sum:
;;     xor esi, esi
;;     (aligned)
;; .1:
;;     add esi, edi
;;     add edi, 0xFFFFFFFF
;;     test edi, edi
;;     jne short .1
;;     mov eax, esi
;;     ret

;; function 3 $nested:
;;     xor r9d, r9d
;; .1:
;;     mov r8d, esi
;;     (aligned)
;; .2:
;;     mov eax, r8d
;;     imul eax, edi
;;     add r9d, eax
;;     add r8d, 0xFFFFFFFF
;;     test r8d, r8d
;;     jne short .2
;;     add edi, 0xFFFFFFFF
;;     test edi, edi
;;     jne short .1
;;     mov eax, r9d
;;     ret

;; function 4 $merge:
;;     mov esi, 1
;;     test edi, edi
;;     jne short .1
;;     mov esi, 2
;; .1:
;;     mov eax, esi
;;     ret

;; function 5 $loop_parameter:
;;     mov esi, 1
;;     (aligned)
;; .1:
;;     add edi, 0xFFFFFFFF
;;     add rsi, 3
;;     test edi, edi
;;     jne short .1
;;     mov rax, rsi
;;     ret

;; function 6 $short_table:
;;     test edi, edi
;;     je .1
;;     cmp edi, 1
;;     je .2
;;     jmp short .3
;; .1:
;;     mov eax, 0xA
;;     ret
;; .2:
;;     mov eax, 0xB
;;     ret
;; .3:
;;     mov eax, 0xC
;;     ret

;; function 7 $jump_table:
;;     xor eax, eax
;;     cmp edi, 6
;;     jae .7
;;     cmovb eax, edi
;;     lea rcx, [rip+.8]
;;     movsxd rax, [rcx+rax*4]
;;     add rcx, rax
;;     jmp rcx
;; .1:
;;     mov eax, 0xA
;;     ret
;; .2:
;;     mov eax, 0xB
;;     ret
;; .3:
;;     mov eax, 0xC
;;     ret
;; .4:
;;     mov eax, 0xD
;;     ret
;; .5:
;;     mov eax, 0xE
;;     ret
;; .6:
;;     mov eax, 0xF
;;     ret
;; .7:
;;     mov eax, 0x10
;;     ret
;; .8:
;;     .1 .2 .3 .4 .5 .6

;; function 8 $unreachable:
;;     ud2 0

;; function 9 $global:
;;     mov eax, [r14+0x40]
;;     add eax, 1
;;     mov [r14+0x40], eax
;;     ret

;; function 10 $float_global:
;;     vmovaps xmm8, xmm0
;;     vmovsd xmm0, [r14+0x50]
;;     vmovsd [r14+0x50], xmm8
;;     ret
