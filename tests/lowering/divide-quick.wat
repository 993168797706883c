;; cpu: avx512
;; Where the processor divides 64 bits quickly, all numbers are divided alike.
(module
  (func $quotient (param i64 i64) (result i64) (i64.div_s (local.get 0) (local.get 1)))
  (func $remainder (param i64 i64) (result i64) (i64.rem_u (local.get 0) (local.get 1)))
)

;; function 0 $quotient:
;;     mov rax, rdi
;;     cqo
;;     idiv rsi
;;     ret

;; function 1 $remainder:
;;     mov rax, rdi
;;     xor edx, edx
;;     div rsi
;;     mov rax, rdx
;;     ret
