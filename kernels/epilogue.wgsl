// The end of a sum that becomes element `at` of a result: f(sum), or with GRADIENT f'(saved[at]) · sum, for saved of the result's
// shape; see activation.wgsl. With GRADIENT the result is the gradient to the input of a layer, and saved that input, y = f(z): the
// gradient to z needs no dispatch of its own. Function and binding only; the text of a kernel follows.
// Error: that of the sum times |f'|, and that of the function.

//# if GRADIENT
@group(0) @binding(5) var<storage, read> saved: array<f32>;
//# end

fn finish(at: u32, sum: f32) -> f32 {
//# if GRADIENT
  return activation_gradient(saved[at], sum);
//# else
  return activate(sum);
//# end
}
