// The end of sums that become element `at` of a result: f(sum), or with GRADIENT f'(saved[at]) · sum, for saved of the result's
// shape; see activation.wgsl. With GRADIENT the result is the gradient to the input of a layer, and saved that input, y = f(z): the
// gradient to z needs no dispatch of its own. STORE neighbours are an element: 1, 2 or 4.
// Function and binding only; the text of a kernel follows. Error: that of the sum times |f'|, and that of the function.

//# if STORE == 1
alias Stored = f32;
//# else
alias Stored = vec${STORE}f;
//# end
//# if GRADIENT
@group(0) @binding(5) var<storage, read> saved: array<Stored>;
//# end

fn finish(at: u32, sum: Stored) -> Stored {
//# if GRADIENT
  let before = saved[at];
//# if STORE == 1
  return activation_gradient(before, sum);
//# else
  return Stored(
//# for i in 0..STORE
    activation_gradient(before[${i}], sum[${i}]),
//# end
  );
//# end
//# else
//# if STORE == 1
  return activate(sum);
//# else
  return Stored(
//# for i in 0..STORE
    activate(sum[${i}]),
//# end
  );
//# end
//# end
}
